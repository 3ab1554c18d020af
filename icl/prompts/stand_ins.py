"""Words that stand in for labels: made-up ones for mode `symbols`, common nouns for mode `random_words`.

Of either list no word begins another. Words are only ever added at the end, so that runs keep theirs.
"""

__all__ = ["FIRST_RANDOM_WORDS", "RANDOM_WORDS", "SYMBOLS"]

_SYMBOLS = """
foo bar qux zig lop wem dax tuv mip kez zaf vaf waf yaf jaf kaf gaf baf daf maf naf paf zev vek wek
yek jek kej gek bem dek mev nek pek zik vix wib yif jif kiv giv biv dif mib niv zob vog wof yok jom
kob goj bok dov mok nof pov zum vum wug yuf juf kug guf bup duk muv nuk puj zav vab waj yab kag gaj
bax daj mav naj paj zef vem wef yem jev kep gep bev dez mef nef pev zim vif wim yib jiv kif gik bij
dof mif nif pif zok vok wov yof jof kog gof bof duf mof nok pof zuv vuf wuf yuv juk kuf guk buv dak
mup nuv puk zad vaj wam yag jef kav geb baj dej mej nej pef zeb vej wep yev jik kev gij bef dok mij
noj pij ziv vod wif yik jok kib gox bik duv mep nuf poj zof vug wom yov jum kox guv bov doj miv nuj
puv zug vam wup yub jep kuv gef buj duj zej vep wej yav jop kaj gev bej zib vob wiv yef jup keb gok
"""

_NOUNS = """
apple bridge candle desert engine feather garden hammer island jacket kettle lantern marble needle
orchard pencil quarry ribbon saddle timber umbrella velvet window yogurt zebra anchor basket carpet
drawer elbow funnel goose harbour acorn album almond ankle apron arrow attic autumn awning axle
bacon badge balcony bamboo banjo barrel beaver bishop blanket bottle boulder bracket broom bucket
buffalo button cabin cactus camel canyon castle cello chimney chisel cigar cliff clover cobweb
coffee copper coral cotton cradle crayon cushion cymbal dagger daisy denim dolphin donkey dragon
drizzle eagle easel eclipse ember envelope falcon fiddle flannel flute forest fossil fountain
galaxy garlic ginger giraffe glacier gravel guitar hatchet helmet heron hinge honey hurdle iceberg
igloo iris ivory jigsaw juniper kayak kernel kimono kitchen ladder lagoon lemon lettuce lizard
lobster magnet mango mantle meadow mitten monkey mosaic muffin mustard napkin nectar nozzle nutmeg
oatmeal octopus olive onion otter oven oyster paddle panda parcel parsley peanut pebble pepper
piano pickle pigeon pillow pirate planet plum pocket pony poplar prairie puddle pumpkin quilt
rabbit racket radish raisin raven rocket rubber sandal saucer scarf shovel shutter silver sleeve
spider sponge squirrel stable steeple sugar sunset tablet teapot thimble thunder ticket tractor
trumpet tulip tunnel turnip turtle vanilla violin volcano waffle walnut whistle willow wrench
"""

SYMBOLS: tuple[str, ...] = tuple(_SYMBOLS.split())
"""Words that stand for labels in mode `symbols`: syllables that mean nothing."""

RANDOM_WORDS: tuple[str, ...] = tuple(_NOUNS.split())
"""Common nouns that stand in demonstrations in mode `random_words`."""

FIRST_RANDOM_WORDS = 33
"""The first of them, from which words are drawn where they are enough: the others came later."""
