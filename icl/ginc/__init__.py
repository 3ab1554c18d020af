"""GINC: the synthetic world whose concepts, posterior and right answers are known (Xie §4)."""
