"""Scenes of the built-in corpus: everyday work and places, told without opinion.

``[a|b]`` is a choice, which may be empty; ``<who>`` is one person for a whole paragraph. A scene's sentences are parted
by strokes and stand in the order of its paragraphs; any neighbouring ones can be read together.
"""

__all__ = ["SCENES"]

_SCENES = {
    "bread": (
        "the cook|our neighbour|my uncle|her brother",
        """[Before breakfast|In the evening|Once a week|On Saturday] <who> weighs the flour[| and tips it into a wide
        bowl| on the kitchen scales]. / The yeast is stirred into [a cup of water|half a cup of milk|a bowl of water and
        sugar][| and left on the windowsill| until bubbles come to the surface]. / [Salt|A spoonful of salt|A little
        salt] goes in [last|after the water|with the flour][|, as the recipe says]. / <who> kneads the dough [on the
        table|on a board] for [ten|twelve|fifteen] minutes[|, folding it from the edge to the middle|, turning it now
        and then]. / The bowl is covered with [a cloth|a damp towel|a plate] and [put|left] [near the stove|in a
        cupboard|beside the oven] for [an hour|two hours|half the morning]. / Meanwhile the [tin is brushed with
        oil|table is scraped and wiped|oven is lit][| and the tray is set on the middle shelf]. / [After
        that|Then|Later] the dough is pressed flat, rolled up [|once more ]and laid in the tin[| with the seam at the
        bottom]. / It rises again [under the cloth|beside the stove] until it reaches the [rim|edge] of the tin. / The
        oven needs [about twenty minutes|some time|a quarter of an hour] to heat[|, which a small dial on the door
        shows]. / The bread bakes for [forty minutes|three quarters of an hour|about fifty minutes] and is turned round
        [once|halfway through]. / <who> taps the bottom of the loaf [and listens for a hollow sound|with a knuckle]. /
        The loaf cools on a [rack|wire rack|board] [by the window|near the door] before it is [cut|sliced|wrapped in a
        cloth]. / The crumbs are [swept into a pan|shaken from the cloth] and [thrown to the hens|taken outside].""",
    ),
    "vegetables": (
        "the gardener|my aunt|our neighbour|his sister",
        """The vegetable beds lie [behind the house|along the south wall|between the path and the hedge][|, where there
        is sun until the afternoon]. / In [March|early spring|April] the soil is turned with a [fork|spade] and raked
        [level| until the clods are small]. / <who> stretches a string between two pegs [to mark the rows|so that the
        rows run from north to south]. / Beans are sown [a hand's width apart|along the string|in pairs], [two|three]
        fingers deep. / The seedlings stand [in trays|in clay pots] [under glass|on the sill] until the nights are
        [mild|free of frost]. / [Onions|Leeks|Carrots] grow [in the second bed|at the far end|beside the beans][|, where
        the soil is sandy]. / Each row has a [wooden|tin] label with the [name of the plant|date of sowing] [on it|in
        pencil]. / <who> waters the beds [in the evening|early in the day|every second day] [from a can|with a hose|out
        of the rain barrel]. / Weeds are pulled up [by hand|with a hoe] and [carried to the heap|laid on the path to
        dry]. / The compost heap is turned [twice|three times] a year[| and covered with straw in winter]. / Tall plants
        are tied to [canes|poles|stakes] with [twine|strips of cloth][, and the knots are checked after wind|]. / By
        [August|late summer] the [beans have reached the top of the poles|squash has spread across the path]. / The
        harvest is [counted and written down|sorted into crates|laid out on newspaper] [in the shed|on the porch]. / In
        autumn the beds are covered with [leaves|straw|old sacking] and left [until spring|to rest].""",
    ),
    "weather": (
        "the postman|our neighbour|my cousin|the caretaker",
        """The week began with [fog|mist|low cloud] [over the fields|along the lane|in the valley][|, and the hill could
        not be seen from the road]. / [On Monday|By Monday noon] the [cloud lifted|wind turned to the west|rain
        stopped][| and the roofs began to dry]. / <who> read the thermometer [twice|in the morning and at night] and
        noted [the figures| both figures] [in a book|on the calendar]. / A light wind blew [from the south|across the
        yard|along the street] [until evening|for most of the day|all through Tuesday]. / [Towards Wednesday|In the
        middle of the week] it rained [for three hours|from noon until dusk|on and off], and the [barrel filled|ditch
        filled|gutters ran]. / The rain gauge [beside the gate|on the post] showed [about ten|some twelve|nearly
        fifteen] millimetres. / Puddles stood [in the ruts|on the path|between the paving stones] until [the next
        day|Thursday]. / <who> [put on boots|took an umbrella] to cross the [yard|lane|square][|, as the gutter had run
        over]. / The nights were [clear|cool|still], and [there was dew on the grass|dew covered the cars|the stars
        could be seen] [before dawn|early in the morning]. / [On Friday|Later] the clouds came [from the north|in a long
        bank] and stayed [over the hill|until the evening]. / The weathervane pointed [east|north|south] [for two
        days|all Saturday][| and then swung round]. / [Sunday was dry|The last day was dry], with [high cloud|a pale
        sky|a little sun] [after ten|in the afternoon]. / The [forecast|notice at the post office] spoke of
        [showers|more rain|a change of wind] [for the coming days|by Tuesday].""",
    ),
    "shed": (
        "my uncle|the caretaker|our neighbour|her father",
        """The shed stands [at the end of the garden|behind the house|next to the hedge] and has [one window|a door of
        planks|a roof of tin]. / Its floor is made of [bricks laid in sand|flat stones|boards] [and slopes a little
        towards the door|]. / The [rake, the hoe and the spade|long tools] hang on [nails|hooks] [along the left
        wall|behind the door]. / [Below them|On the floor] stand [two buckets|a watering can and a pail|three crates][|
        with their handles to the front]. / The workbench runs [under the window|the length of the wall] and carries [a
        vice|a vice at one end|a lamp and a vice]. / Screws are kept in [jars|tins], sorted by [length|size], and each
        has a [label|strip of tape] on its lid. / <who> oils the [shears|hinges|blades] [in spring|once a month|after
        use] and wipes them with [a rag| newspaper]. / A ladder [of ash wood|with nine rungs] rests on two brackets
        [above the bench|below the roof]. / On the shelf there are [tins of paint|balls of twine|rolls of wire] [in a
        row|from the smallest to the largest]. / The wheelbarrow is [tipped against the wall|stood on end] so that [it
        takes up less room|water runs out of it]. / <who> writes [what is missing|what was lent out] on a slate [beside
        the door|above the bench]. / The [window is latched| padlock is closed] [at night|in the evening], and the key
        hangs [in the kitchen|under the porch]. / In winter the [garden chairs|flower pots] are brought in as well[| and
        stacked in the corner].""",
    ),
    "carpentry": (
        "the carpenter|my sister|our neighbour|the joiner",
        """The shelf is to hold [books|jars|folders] and must fit [between the window and the door|into the corner|above
        the desk]. / <who> measures the wall [twice|from both ends] and writes the [length|figures] on a scrap of wood.
        / The boards are [pine|oak|beech], [two|three] centimetres thick[|, and have dried in the loft for a year]. / A
        pencil line is drawn [across the board|along the edge] with the help of a [square|steel rule]. / The board is
        clamped to the [bench|trestles] and sawn [just outside the line|with long strokes]. / <who> planes the
        [edges|front edge] [until the light no longer shows under the rule|in the direction of the grain]. /
        [Shavings|Curls of wood] collect [under the bench|on the floor] and are [kept for kindling|swept up at the end
        of the day]. / Holes are drilled at [both ends| equal distances], and a [bit of tape|ring of chalk] on the drill
        marks the depth. / The joints are put together [without glue first|dry], to see [whether they close|if the
        corners are square]. / Glue is brushed on [both faces|the tenons] and the frame is held by [four|six] clamps
        [overnight|for three hours]. / The surface is sanded, first with [coarse|rough] and then with [finer|smooth]
        paper[|, always along the grain]. / <who> rubs oil into the wood [with a cloth|in thin layers] and lets it dry
        [until the next day|beside the stove]. / The [shelf is screwed to the wall| brackets are fixed to the wall] with
        a spirit level [on top|as a guide].""",
    ),
    "pottery": (
        "the potter|my cousin|our teacher|the apprentice",
        """The clay [comes in blocks|is delivered in sacks] and is kept [under a damp cloth|in a tub with a lid][| so
        that it does not dry out]. / <who> cuts off a piece with [a wire|a length of wire] and kneads it [on a slab|like
        dough] [to press out the air|for some minutes]. / The lump is set [in the middle of the wheel|on the wheel] and
        wetted with a [sponge|little water]. / The wheel is turned by [a pedal|foot|a small motor], [slowly at first|at
        an even speed]. / <who> opens the clay with both thumbs and [draws up the wall|widens it towards the rim]. / A
        [bowl|mug|jug] of this size takes [about ten minutes|a quarter of an hour] [from start to end|on the wheel]. /
        The rim is [smoothed with a strip of leather|trimmed with a needle][, and the foot is cut with a knife|]. / The
        pieces dry [on boards|on a rack] for [several days|about a week], [away from the window|turned over every
        morning]. / Handles are [pulled from a roll of clay|made separately] and [fixed with slip|pressed on while the
        clay is damp]. / The first firing takes [a day and a night|twelve hours], and the kiln [stays closed|cools] for
        [as long again|another day]. / Glaze is mixed from [powder and water|ash, chalk and water] and [sieved|stirred]
        [before use|in a bucket]. / Each piece is [dipped|held with tongs and dipped] [for three seconds|once], and its
        foot is wiped [clean|with a sponge]. / After the second firing the pots are [lined up on a shelf|counted and
        wrapped in paper][| by size and colour].""",
    ),
    "knitting": (
        "my grandmother|the weaver|our aunt|his cousin",
        """The wool [was bought in skeins|comes from a farm in the next village] and is wound into balls [over the back
        of a chair|by hand]. / <who> keeps the needles [in a tin|in a roll of cloth], sorted by [thickness|length]. /
        For a jacket of this size [eighty|ninety|a hundred] stitches are cast on[|, and the first row is knitted plain].
        / The pattern [repeats after eight rows|has a rib of two stitches] and is [written on a card|drawn on squared
        paper]. / <who> counts the stitches at the end of [every fourth row|each row] [and ties a thread of another
        colour at the edge|]. / The [grey|blue|brown] yarn is carried along the back [until it is needed again|for four
        rows]. / When a ball runs out, the new [end is joined with a knot|thread is laid beside the old one] [at the
        side|near the edge]. / The piece grows by [about a hand|the width of a hand] in an evening[|, with the radio
        on]. / Sleeves are knitted [in the round|one after the other] on [four|five] short needles. / The parts are
        [laid flat|pinned to a board], damped and left to dry [overnight|for two days]. / <who> sews the seams with [a
        blunt needle|the same yarn] [from the inside|beginning at the hem]. / [Five|Six|Seven] buttons [of horn|of
        wood|from an old coat] are [set|sewn] along the front. / What is left of the wool goes into [a basket|the bottom
        drawer|a bag] [beside the armchair|for patches].""",
    ),
    "road": (
        "the postman|our neighbour|the road worker|the farmer",
        """The road [leaves the village|begins] at the [church|old pump|mill] and runs [west|uphill|north] [for two
        kilometres| between stone walls]. / For the first stretch it is paved with [small stones|concrete slabs]; after
        that there is [gravel|asphalt]. / A ditch follows it [on the left|on both sides|as far as the bridge] and
        carries [rainwater to the stream|water from the fields]. / [At the first bend|Beyond the barn] stands a signpost
        with [three|four] arms[|, one of which points to the quarry]. / <who> passes here [at seven|twice a day|every
        morning] [on a bicycle|on foot|with a handcart]. / The bridge is [built of brick|made of planks] and has room
        for [one cart|a single car] [at a time|]. / Behind the bridge the road [narrows|bends to the right|climbs a
        little] and enters [a wood|a row of poplars]. / Every hundred metres there is a [white post|stone] with a number
        [cut into it|painted in black]. / In [autumn|October] the leaves are [raked to the side|swept into the ditch]
        [by two workers|before the first frost]. / <who> fills the [holes|ruts] with [gravel|broken brick] [each
        spring|after the winter]. / The verge is mown [twice a year|in June and September], and the hay is [left to
        dry|loaded on a cart]. / A bench [of planks|of stone] marks [the halfway point|the parish boundary]. / [At the
        crossroads|At last] the road meets [the main road|a track from the south] and a [wooden gate|cattle grid] closes
        the way to the pasture.""",
    ),
    "street": (
        "the caretaker|the grocer|our neighbour|the street sweeper",
        """At [six|half past five|a quarter to six] the [lamps in the street go out|first shutters are opened][| one
        after the other]. / <who> sweeps the pavement [in front of the house|from the corner to the gate] and [waters
        the pots by the door|empties the pan into a bin]. / A van [stops at the kerb|stands outside the shop] while
        crates of [milk|apples| paper] are [carried in|unloaded]. / The post is brought [around nine|before ten] and
        [pushed through the slots|put into the boxes in the hall]. / On [Tuesdays|Fridays] the bins are [put out|rolled
        to the kerb] [the night before|by seven o'clock]. / Children walk [to school|along the wall] [in twos and
        threes|with their bags on their backs]. / The clock [on the town hall|above the chemist's] strikes [every
        quarter|the hours only]. / <who> [changes the notice|hangs a sheet of paper] in the [window|glass case] [on the
        first of the month|at noon]. / Towards midday the [awning is wound down|blinds are lowered] [on the sunny
        side|with a crank]. / In the afternoon a [bicycle leans against the railing|dog sleeps on the step|cat sits on
        the wall] [beside the pump|of the corner house]. / The tram [passes|stops here] [every twelve minutes|four times
        an hour], and the windows [hum|shake a little]. / <who> takes in the [chairs|boxes|signboard] [at closing
        time|when the bell rings]. / After [eight|dark] the street is [quiet|lit by five lamps], and [a light is on in
        the stairwell|a few windows stand open].""",
    ),
    "laundry": (
        "my aunt|the housekeeper|our neighbour|his mother",
        """The washing is [sorted on Sunday evening|sorted into three heaps]: [white, dark and wool|sheets, shirts and
        towels]. / [Pockets are turned out|Buttons are closed] before anything goes into the [tub|machine][|, and
        collars are rubbed with soap]. / <who> soaks the [towels|tablecloths|aprons] in [cold water|a basin]
        [overnight|for an hour]. / The powder is measured with [a cup|a tin spoon] [that hangs on a string|kept in the
        box]. / The drum turns for [an hour|fifty minutes], and the water runs [into the sink|through a hose into the
        drain]. / <who> carries the basket [down to the yard|up to the loft|out to the line] [in two trips|after
        breakfast]. / The line is [stretched between two posts|wiped with a cloth first] and [propped up in the
        middle|tightened at one end]. / Sheets are hung [by the hem|double], with a peg [at each corner|every half
        metre]. / [Socks are pegged in pairs|Shirts hang upside down] [at the end of the row|on the second line]. / With
        [a little wind|some sun] everything dries [by noon|within three hours]; [in winter|on wet days] it takes [until
        the next morning|twice as long]. / The iron stands [on the stove|on its heel] until [it is hot|a drop of water
        hisses on it]. / <who> folds the sheets [in four|lengthwise] with [someone at the other end|the edges together].
        / The [linen|folded laundry] goes into the [cupboard|chest] [on the landing|in the hall], [towels below, sheets
        above|the oldest on top].""",
    ),
    "attic": (
        "my father|the tenant|our cousin|her uncle",
        """The attic is reached by [a folding ladder|a steep stair] from the [landing|corridor on the second floor]. / A
        [single bulb|small window in the gable] gives light [to the front half|during the day]. / The rafters are
        [numbered in chalk|dark with age] and [meet at a beam|carry the tiles] [above the middle of the room|]. / <who>
        keeps [winter clothes|old newspapers|school books] up there [in boxes|in two trunks]. / Each box has a
        [number|list of its contents] [on the side|under the lid], and the [numbers stand in a notebook|notebook hangs
        on a nail]. / On the left stand [four chairs|a sewing machine|a bed frame] under [a sheet|a dust cover]. / A
        trunk [with iron corners|covered in canvas] holds [curtains|letters tied with tape|table linen]. / The floor is
        made of [wide boards|planks], [two of which can be lifted| nailed across the joists]. / <who> sets out [a bowl|a
        bucket] under the [skylight|hatch in the roof] [before heavy rain|in autumn]. / Apples are laid [on straw|in
        trays] near the [window|chimney] so that they do not touch. / Along the wall run [two pipes|the wires for the
        bell], wrapped in [felt|tape]. / [Once a year|In spring] everything is [moved to one side| carried down] and the
        [boards are swept|floor is swept towards the hatch]. / <who> [closes the hatch with a pole|turns off the light
        from below] and [hooks the ladder to the wall|puts the pole behind the door].""",
    ),
    "bicycle": (
        "the mechanic|my brother|our neighbour|the apprentice",
        """The bicycle is [turned upside down|hung from a hook] so that both wheels [are free|can turn]. / <who>
        [loosens the nuts|opens the lever] and lifts out the [front|back] wheel. / The tyre is [levered off the
        rim|taken off] with [two spoons|flat irons], [starting opposite the valve|a little at a time]. / The tube is
        [pumped up|held under water], and [bubbles show where the hole is|the hole is marked with chalk]. / The place is
        [roughened with sandpaper|dried with a cloth] before [glue is spread on it|the patch is pressed on]. / <who>
        waits [five minutes|until the glue is dry] and [dusts the patch with chalk|runs a finger round the inside of the
        tyre]. / The chain is [cleaned with a brush|drawn through a rag] and oiled [link by link|at the pins]. / A [turn
        of the screw|new cable] brings the brake blocks [closer to the rim|back into line]. / The spokes are plucked
        [one by one|in pairs], and a [loose one is tightened by half a turn|key is used where the sound is lower]. /
        <who> sets the saddle [at the height of the hip|two fingers higher] and [tightens the bolt|checks the mark on
        the post]. / The lamp gets its current from [a dynamo|a battery] [at the back wheel|under the carrier]. / The
        [bell is screwed on|basket is tied on] again [on the left|with two straps]. / Tools and [patches|spare nuts] go
        back into [the tin|the leather bag], [smallest first|in the order of the list].""",
    ),
    "painting": (
        "the painter|our neighbour|my uncle|the landlord",
        """The [kitchen|hall|back room] is to be painted [white|pale green|grey] [before winter|in two coats]. / The
        furniture is [moved to the middle|carried into the hall] and covered with [sheets|paper]. / <who> unscrews the
        [hooks|switch covers| curtain rail] and puts the screws [in a saucer|in an envelope]. / [Holes are filled|Cracks
        are filled] with [plaster|a paste of chalk and glue] and rubbed down [when dry|the next day]. / Strips of tape
        are stuck [along the skirting|round the window frames] [so that the edge stays straight|]. / The ladder stands
        [on a board|on a folded sack], [and the bucket hangs from a hook on its side|with its feet against the wall]. /
        <who> stirs the paint [with a stick|for a minute] and pours [a third|half] of it into a [tray|smaller tin]. /
        The ceiling comes first, then [the corners|the wall with the window][|, and the doors come last]. / The roller
        is moved [up and down|from the top to the bottom], and each strip [overlaps the last|is a little wider than the
        roller]. / A [narrow brush|small brush] is used [behind the pipes| around the sockets|near the floor]. / The
        first coat dries [in four hours|overnight] with the [windows open|door closed]. / <who> washes the brushes
        [under the tap|in a jar of water] and [hangs them up|lays them on newspaper]. / What is left in the tin is
        [marked with the date|closed with a hammer] and kept [in the cellar|under the stairs].""",
    ),
    "stream": (
        "the miller|the farmer|our neighbour|the forester",
        """The stream rises [below the quarry|in a meadow above the village] and flows [east|south] [through the
        fields|past three farms]. / Near its source it is [no wider than a plank|a step wide]; at the mill it measures
        [four metres|twelve feet]. / [Alders|Willows] grow [along the left bank|on both banks], and their roots [reach
        into the water|hold the earth]. / A [weir|low dam] of [stones|logs] sends part of the water [into a channel|to
        the wheel]. / <who> opens the sluice [in the morning|by six turns of the crank] and [closes it at dusk|notes the
        level on a board]. / The wheel has [twenty-four|thirty] [buckets|paddles] and turns [slowly|eight times a
        minute]. / Below the mill there is a ford with [flat stones|a rail] [for people on foot|at one side]. / In
        [March|April] the water stands [a hand higher|up to the second mark], [and the lower path is closed|because the
        snow on the hill melts]. / In a dry summer [the gravel shows|the bed can be crossed] [near the bend|in several
        places]. / <who> clears [branches|leaves] from the grating [with a rake| after each storm]. / The footbridge is
        [two planks and a handrail|a single trunk, flattened on top], and [moss grows on its north side|a lamp hangs at
        one end]. / Cattle drink [from a trough|at a gap in the fence] [beside the ford|above the bridge]. / Further
        down the stream [passes under the road|joins a larger one] [through a pipe|behind the sawmill].""",
    ),
    "binding": (
        "the bookbinder|our teacher|my sister|the librarian",
        """The sheets are [folded in half|folded twice] and pressed along the crease with a [bone|flat stick of bone]. /
        [Four| Six|Eight] sheets make one section, and [ten|twelve] sections [make a notebook|are laid in a pile]. /
        <who> marks the back of each section with [a pencil|five short lines], [so that the holes will meet|using a
        strip of card]. / The holes are made with an awl [over a groove|on a piece of felt]. / The thread is
        [linen|cotton], [drawn over wax|as long as an arm], and the needle has a [blunt|rounded] point. / Sewing begins
        [at the top|with the last section] and goes [in and out of the holes|round the tapes]. / A knot [joins each
        section to the one below|closes the row], and the end is cut [to the width of a finger|short]. / <who> knocks
        the back [square|even] and brushes it with [paste|glue]. / The block is put [between two boards|under a weight]
        and left [for a night|until the paste has dried]. / The cover is made of [grey board| two boards and a strip],
        with a [margin of three millimetres|small gap at the spine]. / Cloth is cut [a thumb wider than the boards|from
        the roll], and its corners are [trimmed|folded in]. / <who> pastes the [first and last page|endpapers] to the
        boards [and smooths them with a cloth|with a flat brush]. / The title is [written on a label|stamped on a strip
        of cloth], [which is glued to the front|in black].""",
    ),
    "stove": (
        "my grandfather|the caretaker|our neighbour|the tenant",
        """The wood is [delivered in May|cut in spring] and [stacked under the eaves|piled against the barn][ with the
        bark upwards|]. / The logs dry for [two summers|a year and a half] before they are [brought in|burned]. / <who>
        splits the [larger|thicker] pieces on a block [with an axe|with a wedge and a maul], [about thirty at a time|for
        the day]. / The basket beside the stove holds [enough for an evening|twelve logs], and the kindling is [kept in
        a box|tied in bundles]. / Ash from the day before is [raked through the grate|taken out with a shovel] and
        [carried outside in a pail|put on the garden]. / Paper goes in first, then [twigs|thin sticks], then [two split
        logs|a log on either side]. / <who> opens the [damper|lower door] and [strikes a match|lights the paper at two
        corners]. / The pipe [ticks|creaks] as it [grows warm| heats up], and after [ten|fifteen] minutes the [damper is
        half closed|next log is laid on]. / A kettle stands [on the back|on the plate] and is [filled every
        morning|moved aside for cooking]. / The oven below is used for [drying herbs| baking potatoes|warming plates]. /
        In the evening the [embers are raked together|door is closed] and [covered with ash|a single log is added]. /
        The chimney is swept [in September|twice a year] by a man with [a brush on a chain|a set of rods]. / <who>
        checks the [seal of the door|tiles round the hearth] with [a strip of paper|a candle][ before winter|].""",
    ),
    "clock": (
        "the clockmaker|my grandfather|our neighbour|the apprentice",
        """The clock [hangs in the hall|stands on the landing] and has [a white dial|a case of walnut] with
        [black|Roman] numerals. / It is wound [on Sunday|once a week] with a key that [lies inside the case|hangs behind
        the door]. / <who> sets it by [the radio|the church bell] and moves [the long hand only|the hands forwards]. /
        When it [runs slow|stops], the pendulum is [lifted off its hook|taken down] and [the screw below it is
        turned|its length is measured]. / One turn of the screw [changes the rate by half a minute a day|raises the
        weight by a millimetre]. / For cleaning, the works are [taken out of the case|laid on a cloth], and [the order
        of the parts is drawn on paper|every screw gets its own dish]. / The wheels are [brushed|rinsed in spirit] and
        the holes are cleaned with [a pointed stick|pegwood]. / <who> holds each pivot [under a glass|to the lamp] and
        [turns it between two fingers|looks for wear]. / Oil is put on [with a needle|with the tip of a wire], [one drop
        for each hole|and what runs over is wiped off]. / The plates are closed [again|with four pins] when all the
        [wheels stand upright|pivots have found their holes]. / The weights [hang from cords|are cylinders of brass] and
        [sink by a metre in eight days|reach the floor of the case]. / The strike counts [the hours and the half
        hours|every hour] on a [bell|coil of wire]. / <who> listens to the beat [for a minute|at night] and [moves the
        case a little|puts a slip of card under one foot].""",
    ),
}
SCENES = {
    name: (tuple(people.split("|")), tuple(" ".join(text.split()).split(" / ")))
    for name, (people, text) in _SCENES.items()
}
"""By scene: who can be in it, and its sentences in order."""
