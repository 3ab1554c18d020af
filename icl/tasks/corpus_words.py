"""Words and short patterns of the built-in corpus; ``[a|b]`` in a pattern is a choice, which may be empty."""

__all__ = ["NOUNS", "PHRASES"]

_NOUNS = """anvil apron attic axle barrel basin basket bellows bench blanket board bolt bowl bracket brick bristles
    broom brush bucket button cabinet candle canvas cart ceiling cellar chain chalk chest chimney chisel clamp clay
    clock cloth clothesline cobweb collar compost cord cork corner cotton crate cupboard curtain cushion dew ditch
    doorstep dough drawer drizzle dustpan eaves fence flagstone flour fog frost funnel furrow gate gatepost glue gravel
    grindstone gutter hail hammer handle hearth hedge hem hinge hook hoop hose icicle ink jar jug kettle kindling knob
    ladder ladle lantern latch lattice lawn leash lever lid linen loom mallet mist mortar moss mug nail needle oven
    paddle pail parsley pebble peg pillow pincers pipe pitchfork plank plaster plate plough pond porch pot pulley pump
    puddle quilt rafter rake reed ribbon rivet roof rope sack saw sawdust scissors screw screwdriver scythe seedling
    shawl shed shelf shovel shutter sickle sieve sleet sleeve soap spade spanner spindle sponge spool spoon stairs stool
    stove straw string stump tablecloth tarpaulin teapot thatch thimble thread threshold tile timber tongs towel tray
    trellis trough trowel trunk tub twig twine umbrella varnish vase vine washboard washer wax weathervane wedge
    wheelbarrow wick windowsill wire wool workbench wrench yarn yoke"""
NOUNS = tuple(_NOUNS.split())
"""Single words: things of house, yard and weather."""

_MADE = "[wooden|copper|zinc|tin|clay|brass|glass|stone|steel|pewter]"
_LOOKS = "[grey|brown|white|green|blue|round|narrow|wide|small|large|tall|shallow]"
_SIZES = "[small|large|long|short|heavy|light|spare|borrowed]"
_VESSELS = "[bucket|jug|bowl|basin|jar|pail|barrel|tub|trough|pot|mug|box]"
_TOOLS = "[hammer|chisel|rake|spade|saw|ladder|trowel|broom|shovel|mallet|hoe|sickle|wrench|pitchfork]"
_PLACES = "[the shed|the stairs|the window|the barn|the gate|the stove|the workbench|the fence|the porch|the woodpile]"
_SPOTS = f"[behind|beside|near|next to] {_PLACES}"
_NUMBERS = "[two|three|four|five|six|seven|eight|nine|ten|twelve]"
_STUFFS = "[sand|gravel|seeds|buttons|nails|string|wool|flour|onions|chalk|twine|pegs|corks|oats|soap]"
_TIMES = "[at noon|in the evening|before breakfast|after lunch|on Monday|on Thursday|in the morning|at dusk]"
_SKIES = "[rain|drizzle|mist|fog|sleet|hail]"
_GROUNDS = "over [the fields|the lane|the roofs|the yard|the hedges|the pond|the hill|the meadow|the orchard|the path]"

PHRASES = (
    f"{_MADE} {_VESSELS}", f"{_SIZES} {_TOOLS}", f"{_NUMBERS} [planks|pegs|spools|candles|bricks|jars|baskets|nails]",
    f"the {_MADE} {_VESSELS}", f"a {_LOOKS} {_MADE} {_VESSELS}", f"{_NUMBERS} {_MADE} [spoons|hooks|rings|pegs]",
    f"a [sack|bag|box|crate|basket|drawer] of {_STUFFS}", f"the {_TOOLS} {_SPOTS}", f"{_SKIES} {_GROUNDS}",
    f"{_NUMBERS} [sacks|bags|boxes|crates|baskets|drawers] of {_STUFFS}", f"the {_SIZES} {_TOOLS} {_SPOTS}",
    f"[how to|where to] [mend|clean|store|oil|hang|buy] a {_SIZES} {_TOOLS}", f"{_SKIES} {_GROUNDS} {_TIMES}",
    f"a {_MADE} {_VESSELS} and a {_SIZES} {_TOOLS}", f"a list of [tools|seeds|paints|threads] kept {_SPOTS}",
    f"a {_LOOKS} [box|crate|basket] of {_STUFFS} {_SPOTS}", f"There was {_SKIES} {_GROUNDS} {_TIMES}.",
    f"Put the {_VESSELS} {_SPOTS}.", f"Hang the {_TOOLS} {_SPOTS}.", f"The {_TOOLS} is {_SPOTS}.",
    f"There is [sand|water|rope|straw|sawdust] {_SPOTS}.", f"Where is the {_TOOLS}?", f"Somebody moved the {_VESSELS}.",
    f"Is the {_TOOLS} {_SPOTS}?", f"We carried the {_VESSELS} [in|out|upstairs|downstairs|across the yard].",
    f"The {_MADE} {_VESSELS} stands {_SPOTS}.", f"The {_VESSELS} has a {_MADE} [handle|rim|hook|base].",
    f"He lent us a {_SIZES} {_TOOLS}.", f"She filled the {_MADE} {_VESSELS} {_TIMES}.",
    f"They [took|brought back|asked for] the {_TOOLS} {_TIMES}.",
)  # fmt: skip
"""Short patterns: phrases, notes and short sentences that stand alone."""
