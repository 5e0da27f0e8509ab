"""The words of scenes that are both seen and heard: who is there, what it does that can be heard, and where."""

from __future__ import annotations

# Each line: nouns that do these things in these places; commas between alternatives.
Kind = tuple[str, str, str]

FARM = "on a farm, in a barn, behind a fence, on a dirt road, in a green meadow"
YARD = "in a back yard, on a porch, on the pavement, in a park, in front of a house, in a living room"
WOOD = "in a forest, on a branch, at the edge of a field, in a garden, on a roof, on a wire"
WATER = "on a lake, by a pond, on a river, among the reeds, on a pier"
STREET = "on a city street, on a wet road, at a crossing, in a tunnel, on a bridge, past a row of shops"
HOME = "in a kitchen, in a small flat, in a hallway, on a table, beside a window"
STAGE = "on a stage, in a concert hall, in a small room, on a street corner, at a festival, in a church"
SITE = "on a building site, in a workshop, in a garage, beside a road, in a yard"
CROWD = "in a stadium, in a market, in a classroom, at a party, on a square, in a theatre"
SHORE = "on a rocky shore, on a sandy beach, along a cliff, in a harbour"
OPEN = "over the hills, over the roofs of a town, above a field, outside the window, over the sea"
RAIL = "in a station, through a valley, across a bridge, along a platform, at a level crossing"
WILD = "in tall grass, on a plain, in a zoo, under the trees, near a water hole"

KINDS: tuple[Kind, ...] = (
    ("dog, puppy, hound, terrier", "bark, growl, whine, howl, pant", YARD),
    ("cat, kitten, tomcat", "meow, purr, hiss", YARD),
    ("cow, calf, bull, ox", "moo, low, chew hay", FARM),
    ("horse, pony, foal", "neigh, gallop, trot, snort", FARM),
    ("sheep, lamb, goat", "bleat, ring its bell", FARM),
    ("pig, piglet, boar", "grunt, squeal, oink", FARM),
    ("donkey, mule", "bray, walk on gravel", FARM),
    ("rooster, cockerel", "crow, flap its wings", FARM),
    ("hen, chicken, turkey", "cluck, gobble, scratch in the straw", FARM),
    ("duck, goose, swan", "quack, honk, splash, beat its wings", WATER),
    ("frog, toad", "croak, jump into the water", WATER),
    ("sparrow, robin, finch, blackbird, nightingale", "sing, chirp, whistle", WOOD),
    ("crow, raven, magpie", "caw, croak, call", WOOD),
    ("owl", "hoot, screech", WOOD),
    ("woodpecker", "drum on a trunk, call", WOOD),
    ("pigeon, dove", "coo, flutter, take off", WOOD),
    ("cuckoo, thrush, warbler", "call, sing", WOOD),
    ("parrot, cockatoo, budgie", "squawk, talk, whistle", HOME),
    ("seagull, gull, tern", "cry, call, circle", SHORE),
    ("seal, sea lion", "bark, splash, roar", SHORE),
    ("bee, wasp, bumblebee, hornet", "buzz, hum around a flower", WOOD),
    ("fly, mosquito", "buzz, hum against a pane", HOME),
    ("cricket, grasshopper, cicada", "chirp, rasp, sing", WILD),
    ("lion, tiger, leopard", "roar, growl, snarl", WILD),
    ("elephant", "trumpet, splash, stamp", WILD),
    ("wolf, coyote, fox", "howl, yelp, bark", WILD),
    ("monkey, chimpanzee, gibbon", "screech, hoot, chatter", WILD),
    ("bear", "growl, grunt, break branches", WILD),
    ("snake, rattlesnake", "hiss, rattle, rustle through leaves", WILD),
    ("mouse, squirrel, hamster", "squeak, gnaw, rustle", HOME),
    ("car, taxi, van, jeep", "pass by, honk, start, brake, idle", STREET),
    ("sports car, racing car", "speed past, rev, skid", STREET),
    ("bus, coach", "pull up, drive off, brake, open its doors", STREET),
    ("truck, lorry, dump truck", "rumble past, reverse with a beep, blow its horn", STREET),
    ("motorcycle, motorbike, scooter, moped", "rev, roar past, idle, start", STREET),
    ("bicycle, mountain bike", "ring its bell, roll past, brake", STREET),
    ("ambulance, police car, fire engine", "wail, rush past, sound its siren", STREET),
    ("tram, streetcar", "ring its bell, screech round a bend, roll past", STREET),
    ("train, freight train, express train", "rattle past, blow its horn, brake, pull in", RAIL),
    ("steam train, steam locomotive", "whistle, puff, hiss", RAIL),
    ("subway train, underground train", "pull in, screech, close its doors", RAIL),
    ("aeroplane, jet, airliner", "take off, fly past, land", OPEN),
    ("helicopter, drone", "hover, fly past, land", OPEN),
    ("propeller plane, glider", "fly past, circle, land", OPEN),
    ("fighter jet, rocket", "roar past, take off", OPEN),
    ("motorboat, speedboat, jet ski", "speed past, start, idle", WATER),
    ("ship, ferry, steamer", "blow its horn, leave, come in", SHORE),
    ("rowing boat, canoe", "glide past, splash, knock against a pier", WATER),
    ("tractor, combine harvester", "plough, drive past, rattle", FARM),
    ("horse cart, carriage", "roll past, rattle, creak", STREET),
    ("guitar, acoustic guitar, electric guitar", "play, sound, ring out", STAGE),
    ("piano, grand piano, keyboard", "play, sound", STAGE),
    ("violin, viola, fiddle", "play, sound, sing", STAGE),
    ("cello, double bass", "play, hum, sound", STAGE),
    ("flute, recorder, clarinet, oboe", "play, trill, sound", STAGE),
    ("trumpet, trombone, horn, tuba", "play, blare, sound", STAGE),
    ("saxophone", "play, wail, sound", STAGE),
    ("drum, drum kit, snare drum, bongo", "roll, beat, sound", STAGE),
    ("harp, lute, banjo, mandolin, ukulele", "play, ring out, sound", STAGE),
    ("accordion, harmonica, bagpipe", "play, drone, sound", STAGE),
    ("church organ, harmonium", "play, swell, sound", STAGE),
    ("xylophone, marimba, glockenspiel", "play, ring out, sound", STAGE),
    ("cymbal, gong, triangle, tambourine", "crash, ring out, shimmer", STAGE),
    ("brass band, orchestra, string quartet, rock band, choir", "play, tune up, perform", STAGE),
    ("church bell, bell, hand bell", "ring, toll, chime", "in a tower, above a square, over the roofs, in a courtyard"),
    ("wind chime, cow bell", "chime, ring, jingle", WOOD),
    ("hammer, mallet", "pound a nail, strike, knock", SITE),
    ("saw, hacksaw, hand saw", "cut a board, rasp, saw", SITE),
    ("chainsaw, circular saw, table saw", "cut a trunk, whine, start", SITE),
    ("drill, power drill, electric screwdriver", "drill, whirr, stop", SITE),
    ("jackhammer, pile driver", "pound, hammer, rattle", SITE),
    ("axe, hatchet", "chop wood, split a log", SITE),
    ("grinder, sander, lathe", "grind, whine, throw sparks", SITE),
    ("excavator, bulldozer, crane", "dig, beep, rumble", SITE),
    ("lawn mower, hedge trimmer, leaf blower", "cut, roar, start", "on a lawn, in a garden, along a hedge"),
    ("generator, pump, compressor", "run, hum, start", SITE),
    ("sewing machine, loom", "stitch, rattle, run", HOME),
    ("vacuum cleaner, hair dryer, fan", "hum, roar, run", HOME),
    ("washing machine, dishwasher, tumble dryer", "spin, hum, beep", HOME),
    ("blender, mixer, food processor", "whirr, grind, run", HOME),
    ("kettle, pot, pan", "whistle, boil, sizzle, steam", "on a stove, on a camp fire, in a kitchen"),
    ("coffee machine, coffee grinder", "hiss, grind, drip", HOME),
    ("microwave, oven, toaster", "beep, hum, ping", HOME),
    ("clock, wall clock, grandfather clock", "tick, strike, chime", HOME),
    ("alarm clock, smoke alarm, timer", "ring, beep, go off", HOME),
    ("telephone, mobile phone, door bell", "ring, buzz, vibrate", HOME),
    ("door, gate, cupboard", "creak, slam, close, open", "in an old house, in a hallway, in a corridor, in a barn"),
    ("tap, shower, fountain", "drip, run, splash", "in a bathroom, in a courtyard, in a kitchen, on a square"),
    ("printer, typewriter, keyboard", "clatter, hum, click", "in an office, on a desk, beside a window"),
    ("computer, server, projector", "hum, beep, start", "in an office, in a classroom, on a desk"),
    ("television, radio, loudspeaker", "play music, crackle, talk", HOME),
    ("camera, flash", "click, whirr", CROWD),
    ("glass, bottle, plate", "break, clink, fall", "on a stone floor, on a table, in a bar, in a kitchen"),
    ("coin, key, chain", "jingle, drop, rattle", "on a table, in a hand, on a stone floor"),
    ("candle, match, torch", "flicker, crackle, burn", "in the dark, on a table, in a cave"),
    (
        "fire, camp fire, bonfire, wood stove", "crackle, burn, roar, blaze",
        "in a forest, on a beach, in a cabin, in a fireplace",
    ),
    (
        "firework, rocket, firecracker", "explode, whistle, crackle",
        "over a city, over a harbour, above a crowd, in the night sky",
    ),
    ("gun, rifle, cannon", "fire, go off", "on a range, in a field, on a hill"),
    ("man, woman, old man, young woman", "speak, laugh, cough, sneeze, sing, shout", CROWD),
    ("man, woman, teenager", "snore, whistle, hum, yawn, sigh", HOME),
    ("baby, toddler", "cry, laugh, babble, giggle", HOME),
    (
        "child, boy, girl", "laugh, shout, sing, play, run, clap",
        "in a playground, in a garden, in a classroom, on a beach",
    ),
    ("crowd, audience, group of fans", "cheer, clap, chant, boo", CROWD),
    (
        "teacher, priest, politician, guide", "speak, answer, read aloud",
        "in a hall, in a church, at a microphone, before a crowd",
    ),
    ("singer, opera singer, rapper, busker", "sing, perform, rap", STAGE),
    ("drummer, pianist, guitarist, violinist", "play, practise, perform", STAGE),
    (
        "runner, soldier, hiker", "run on gravel, march, walk through snow, climb stairs",
        "on a path, in a park, along a road",
    ),
    ("tap dancer, flamenco dancer, ballet dancer", "dance, stamp, turn", STAGE),
    ("tennis player, basketball player, footballer", "hit the ball, dribble, kick", "on a court, in a gym, on a pitch"),
    ("swimmer, diver, surfer", "splash, dive, swim", "in a pool, in the sea, in a lake"),
    (
        "skateboarder, roller skater, ice skater", "roll past, jump, skate",
        "in a park, on a rink, on a ramp, on the pavement",
    ),
    ("cook, chef", "chop vegetables, fry, stir a pot", "in a kitchen, in a restaurant, at a market stall"),
    ("carpenter, blacksmith, mechanic, mason", "hammer, saw, work", SITE),
    ("barber, hairdresser", "cut hair, clip, talk", "in a shop, before a mirror"),
    ("writer, secretary, student", "type, turn pages, write", "at a desk, in a library, in an office"),
    ("farmer, gardener", "dig, rake leaves, call", FARM),
    ("waiter, bartender", "pour a drink, clink glasses, shake a cocktail", "in a bar, in a restaurant, in a hotel"),
    ("boxer, karate fighter", "punch a bag, shout, fight", "in a gym, in a ring"),
    ("archer, fisherman, golfer", "shoot, cast a line, swing", "in a field, by a lake, on a green"),
    ("wave, surf", "break, crash, roll in", SHORE),
    (
        "stream, brook, river, waterfall", "flow, rush, babble, roar",
        "in a forest, over stones, down a rock, in a gorge",
    ),
    ("flag, sail, tarpaulin", "flap, snap in the wind", "on a mast, on a roof, in a harbour"),
    ("tree, branch, reed", "rustle, creak, sway", "in the wind, in a storm, by a river"),
    ("swing, see-saw, merry-go-round", "creak, squeak, turn", "in a playground, at a fair, in a garden"),
    ("windmill, water wheel, wind turbine", "turn, creak, hum", "on a hill, by a stream, in a field"),
    ("elevator, escalator", "hum, ping, move", "in a hotel, in a shopping centre, in a station"),
    ("slot machine, pinball machine, arcade game", "ring, beep, flash", "in an arcade, in a bar, in a casino"),
    ("balloon, paper bag", "pop, burst, squeak", "at a party, in a room, in a child's hand"),
    ("zipper, scissors, stapler", "zip, snip, click", "on a desk, in a hand, in a workshop"),
)  # fmt: skip

# What is there without anybody doing it: whole clauses.
WEATHER = (
    "rain falls on a roof", "rain drums on a window", "rain drips from the leaves", "heavy rain pours on a street",
    "thunder rolls over the hills", "lightning flashes and thunder cracks", "a thunderstorm rages over a city",
    "wind blows through the trees", "wind howls round a house", "a gale whips the sea", "hail hits a car",
    "hail rattles on a tin roof", "snow crunches under boots", "leaves rustle in the wind", "ice cracks on a lake",
    "water drips in a cave", "a storm breaks over a harbour", "an avalanche thunders down a slope",
    "sand blows across a desert", "drizzle falls on umbrellas", "a volcano erupts", "rocks fall down a slope",
)  # fmt: skip

LOOKS = "small, large, old, black, white, brown, grey, red, blue, green, yellow, shiny, dirty"
TIMES = "at night, in the morning, at noon, in the evening, at dawn, on a sunny day, in winter, in summer"
AROUND = (
    "while rain falls", "in the wind", "as people talk", "while traffic passes", "as birds sing", "while music plays",
    "in the distance", "close up", "far away", "while a crowd cheers", "as thunder rolls", "while a clock ticks",
)  # fmt: skip
COUNTS = "two, three, several, many"
