"""Words and sentence parts of the built-in tasks; every frame is a product of its slots."""

__all__ = [
    "KINDS",
    "PLACES",
    "PLACE_FRAMES",
    "REVIEW_ADJECTIVES",
    "REVIEW_ADVERBS",
    "REVIEW_FEELINGS",
    "REVIEW_PLEAS",
    "REVIEW_THINGS",
    "REVIEW_VERDICTS",
    "TOPIC_FRAMES",
]

REVIEW_THINGS = {
    "film": ("of", ("acting", "script", "music", "ending")),
    "novel": ("of", ("plot", "dialogue", "opening chapter", "ending")),
    "restaurant": ("at", ("food", "service", "menu", "dessert")),
    "hotel": ("at", ("room", "breakfast", "service", "pool")),
    "concert": ("at", ("singing", "sound", "band", "lighting")),
    "play": ("of", ("cast", "staging", "dialogue", "final act")),
    "café": ("at", ("coffee", "cake", "service", "lunch")),
    "museum": ("at", ("exhibition", "guided tour", "layout", "gift shop")),
    "video game": ("of", ("story", "gameplay", "soundtrack", "design")),
    "bakery": ("at", ("bread", "pastry", "service", "selection")),
}
"""What is reviewed: the preposition before it, and its parts (each takes a singular verb)."""

REVIEW_ADJECTIVES = {
    "positive": (
        "wonderful", "excellent", "delightful", "superb", "brilliant", "fantastic", "outstanding", "amazing",
        "lovely", "terrific", "marvellous", "impressive",
    ),
    "negative": (
        "terrible", "awful", "dreadful", "disappointing", "horrible", "poor", "lousy", "dismal", "appalling",
        "miserable", "pathetic", "atrocious",
    ),
}  # fmt: skip
REVIEW_ADVERBS = ("truly", "really", "simply", "quite frankly")
REVIEW_FEELINGS = {"positive": ("loved", "enjoyed", "adored"), "negative": ("hated", "disliked", "detested")}
REVIEW_VERDICTS = {"positive": "even better", "negative": "even worse"}
REVIEW_PLEAS = {
    "positive": ("I can happily recommend", "You should definitely try", "Do not miss", "I am already a big fan of"),
    "negative": (
        "I cannot recommend", "You should definitely avoid", "Do not waste your money on", "I am already tired of",
    ),
}  # fmt: skip

TOPIC_FRAMES: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "sports": (
        (
            ("The striker", "The captain", "The young midfielder", "The winger", "The substitute"),
            ("scored twice", "missed a penalty", "was sent off", "hit the crossbar", "scored the winning goal"),
            ("in the cup final.", "in the second half.", "against the league leaders.", "minutes before full time."),
        ),
        (
            ("The top seed", "The former champion", "The teenage tennis player", "The left-handed player"),
            ("won the match", "lost the match", "reached the semi-final", "was knocked out", "saved a match point"),
            ("in three sets.", "after a long tie-break.", "on the centre court.", "in a tense deciding set."),
        ),
        (
            ("The sprinter", "The swimmer", "The cyclist", "The marathon runner", "The rower"),
            ("won the gold medal", "broke the national record", "finished fourth", "missed the podium"),
            (
                "at the championships.", "in front of a cheering crowd.", "after months of training.",
                "in the last race.",
            ),
        ),
    ),
    "business": (
        (
            ("The bank", "The supermarket chain", "The carmaker", "The insurer", "The software company"),
            ("reported", "announced", "is forecasting"),
            (
                "record quarterly profits.", "a sharp fall in revenue.", "higher dividends for shareholders.",
                "heavy losses for the year.", "strong sales growth.",
            ),
        ),
        (
            ("Shares in the bank", "Shares in the retailer", "Shares in the steelmaker", "The company's bonds"),
            ("rose sharply", "fell by four percent", "lost half of their value", "climbed again"),
            (
                "after the merger was announced.", "as interest rates went up.", "on fears of a recession.",
                "when the chief executive resigned.",
            ),
        ),
        (
            ("The board of directors", "The investors", "The shareholders", "The regulators"),
            ("approved", "rejected", "are reviewing", "delayed"),
            ("the takeover bid.", "the sale of the factory.", "the share buyback.", "a merger with a rival firm."),
        ),
    ),
    "science": (
        (
            ("Astronomers", "Astrophysicists", "Researchers at an observatory", "A team with a new telescope"),
            ("discovered", "photographed", "measured", "have described"),
            (
                "a distant galaxy.", "a planet around a nearby star.", "the remains of an exploded star.",
                "a pair of black holes.",
            ),
        ),
        (
            ("Biologists", "Geneticists", "Researchers at a university", "A laboratory"),
            ("identified", "studied", "have described", "analysed"),
            (
                "a gene that slows ageing.", "a protein found in deep-sea bacteria.", "the DNA of an extinct mammoth.",
                "how cells repair themselves.",
            ),
        ),
        (
            ("Physicists", "Chemists", "Researchers at an institute", "A group of scientists"),
            ("tested", "proposed", "have published", "built"),
            (
                "a model of how molecules form.", "an experiment with single electrons.",
                "a method for measuring tiny magnetic fields.", "a theory of dark matter.",
            ),
        ),
    ),
    "travel": (
        (
            ("Tourists", "Visitors", "Backpackers", "Families on holiday"),
            ("can explore", "can wander through", "love to photograph", "should not miss"),
            (
                "the narrow streets of the old town.", "the night market by the harbour.",
                "the gardens of the summer palace.", "the quiet villages along the coast.",
            ),
        ),
        (
            ("The hotel", "The guesthouse", "The beach resort", "The mountain lodge"),
            ("offers its guests", "welcomes holidaymakers with", "is popular with tourists for"),
            (
                "rooms with a view of the bay.", "boat trips to the islands.", "a breakfast on the terrace.",
                "guided walks at sunrise.", "a private beach.",
            ),
        ),
        (
            ("The night train", "The ferry", "The scenic bus route", "The old steamboat"),
            ("takes tourists to", "brings holidaymakers to", "is the nicest way to visit", "carries sightseers to"),
            ("the southern beaches.", "the hot springs.", "the famous lighthouse.", "the vineyards along the river."),
        ),
    ),
}  # fmt: skip

PLACE_FRAMES = (
    "She was born in {}.",
    "They spent the winter in {}.",
    "The letter was posted in {}.",
    "Our teacher grew up in {}.",
    "A new library was opened in {}.",
    "He has lived in {} for ten years.",
    "My cousin works as a nurse in {}.",
    "The conference will be held in {}.",
)

_PLACES = {
    "Africa": """Algeria, Angola, Benin, Botswana, Burkina Faso, Burundi, Cameroon, Chad, Djibouti, Eritrea,
        Ethiopia, Gabon, the Gambia, Ghana, Guinea-Bissau, the Ivory Coast, Kenya, Lesotho, Liberia, Libya,
        Madagascar, Malawi, Mali, Mauritania, Mauritius, Morocco, Mozambique, Namibia, Niger, Nigeria,
        Rwanda, Senegal, Sierra Leone, Somalia, Sudan, Tanzania, Togo, Tunisia, Uganda, Zambia, Zimbabwe,
        Algiers, Luanda, Cotonou, Gaborone, Ouagadougou, Bujumbura, Yaoundé, Douala, N'Djamena, Asmara,
        Addis Ababa, Libreville, Banjul, Accra, Kumasi, Conakry, Abidjan, Yamoussoukro, Nairobi, Mombasa,
        Kisumu, Maseru, Monrovia, Benghazi, Antananarivo, Lilongwe, Blantyre, Bamako, Timbuktu, Nouakchott,
        Port Louis, Casablanca, Rabat, Marrakesh, Fez, Tangier, Maputo, Windhoek, Niamey, Lagos, Abuja,
        Kano, Ibadan, Kigali, Dakar, Freetown, Mogadishu, Johannesburg, Cape Town, Durban, Pretoria,
        Khartoum, Dar es Salaam, Dodoma, Zanzibar, Lomé, Tunis, Kampala, Entebbe, Lusaka, Harare, Bulawayo,
        Kinshasa, Brazzaville""",
    "America": """Argentina, the Bahamas, Barbados, Belize, Bolivia, Brazil, Canada, Chile, Colombia, Costa
        Rica, Cuba, the Dominican Republic, Ecuador, El Salvador, Guatemala, Guyana, Haiti, Honduras,
        Jamaica, Mexico, Nicaragua, Panama, Paraguay, Peru, Suriname, Uruguay, Venezuela, Buenos Aires,
        Rosario, Mendoza, Nassau, Bridgetown, La Paz, Brasília, Rio de Janeiro, São Paulo, Recife, Porto
        Alegre, Ottawa, Toronto, Montreal, Vancouver, Calgary, Winnipeg, Quebec City, Valparaíso, Bogotá,
        Medellín, Cali, Havana, Santo Domingo, Quito, Guayaquil, San Salvador, Port-au-Prince, Tegucigalpa,
        Kingston, Puebla, Veracruz, Monterrey, Tijuana, Oaxaca, Managua, Asunción, Lima, Cusco, Arequipa,
        Paramaribo, Montevideo, Caracas, Maracaibo, New York, Chicago, Los Angeles, San Francisco, Seattle,
        Boston, Houston, Dallas, Denver, Miami, Atlanta, Philadelphia, Detroit, Baltimore, Minneapolis, New
        Orleans, Las Vegas, Pittsburgh, Nashville, Salt Lake City, Texas, California, Florida, Ohio, Alaska,
        Ontario, Alberta, Patagonia, Trinidad and Tobago, Grenada, Saint Lucia, Montana, Kansas, Nebraska,
        Cancún""",
    "Asia": """Afghanistan, Bahrain, Bangladesh, Bhutan, Brunei, Cambodia, China, India, Iran, Iraq, Israel,
        Japan, Jordan, Kuwait, Kyrgyzstan, Laos, Lebanon, Malaysia, the Maldives, Mongolia, Myanmar, Nepal,
        North Korea, Oman, Pakistan, the Philippines, Qatar, Saudi Arabia, Singapore, South Korea, Sri
        Lanka, Syria, Taiwan, Tajikistan, Thailand, Turkmenistan, the United Arab Emirates, Uzbekistan,
        Vietnam, Yemen, Kabul, Kandahar, Manama, Dhaka, Chittagong, Thimphu, Phnom Penh, Beijing, Shanghai,
        Shenzhen, Wuhan, Chengdu, Hong Kong, Mumbai, New Delhi, Kolkata, Chennai, Bangalore, Jaipur, Tehran,
        Isfahan, Baghdad, Basra, Jerusalem, Tel Aviv, Tokyo, Osaka, Kyoto, Nagoya, Hiroshima, Amman,
        Bishkek, Vientiane, Beirut, Kuala Lumpur, Ulaanbaatar, Yangon, Mandalay, Kathmandu, Pyongyang,
        Muscat, Karachi, Lahore, Islamabad, Manila, Cebu, Doha, Riyadh, Jeddah, Seoul, Busan, Colombo,
        Damascus, Aleppo, Taipei, Dushanbe, Bangkok, Chiang Mai, Ashgabat, Dubai, Abu Dhabi, Tashkent,
        Samarkand, Hanoi, Da Nang, Jakarta""",
    "Europe": """Albania, Andorra, Austria, Belarus, Belgium, Bosnia, Bulgaria, Croatia, the Czech Republic,
        Denmark, England, Estonia, Finland, France, Germany, Greece, Hungary, Iceland, Ireland, Italy,
        Kosovo, Latvia, Liechtenstein, Lithuania, Luxembourg, Malta, Moldova, Monaco, Montenegro, the
        Netherlands, North Macedonia, Norway, Poland, Portugal, Romania, Scotland, Serbia, Slovakia,
        Slovenia, Spain, Sweden, Switzerland, Ukraine, Wales, Tirana, Vienna, Salzburg, Minsk, Brussels,
        Antwerp, Sarajevo, Sofia, Zagreb, Dubrovnik, Prague, Brno, Copenhagen, London, Manchester,
        Liverpool, Tallinn, Helsinki, Paris, Lyon, Marseille, Bordeaux, Berlin, Hamburg, Munich, Cologne,
        Thessaloniki, Budapest, Reykjavik, Dublin, Rome, Milan, Naples, Turin, Florence, Venice, Riga,
        Vilnius, Valletta, Amsterdam, Rotterdam, Skopje, Oslo, Bergen, Warsaw, Kraków, Gdańsk, Lisbon,
        Porto, Bucharest, Edinburgh, Glasgow, Belgrade, Bratislava, Ljubljana, Madrid, Barcelona, Seville,
        Stockholm, Gothenburg, Zurich, Kyiv""",
}
PLACES = {continent: tuple(" ".join(names.split()).split(", ")) for continent, names in _PLACES.items()}
"""Countries, regions and cities of one continent only; none carries a continent's name."""

KINDS: dict[str, tuple[str, ...]] = {
    "bird": ("robin", "heron", "sparrow", "falcon", "pigeon", "swallow", "ostrich", "parrot", "magpie", "penguin"),
    "fruit": ("apple", "pear", "cherry", "banana", "peach", "plum", "lemon", "mango", "apricot", "melon"),
    "tool": ("hammer", "chisel", "pliers", "spanner", "saw", "screwdriver", "wrench", "drill", "file", "mallet"),
    "metal": ("iron", "copper", "silver", "zinc", "nickel", "gold", "lead", "tin", "titanium", "chromium"),
    "instrument": ("violin", "cello", "trumpet", "flute", "piano", "harp", "oboe", "guitar", "drum", "clarinet"),
    "fish": ("salmon", "trout", "herring", "cod", "mackerel", "carp", "tuna", "pike", "haddock", "sardine"),
    "garment": ("shirt", "skirt", "jacket", "coat", "scarf", "sweater", "trousers", "dress", "glove", "sock"),
    "vehicle": ("bus", "lorry", "tram", "bicycle", "train", "tractor", "scooter", "van", "ferry", "motorcycle"),
}
"""Kinds of things of the multiple-choice task; no word belongs to two of them."""
