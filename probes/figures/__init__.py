"""The ground floor of every figure: style, fonts, forests, twins, and how numbers are written beside them."""
