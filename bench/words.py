"""Words of which names of goods are made."""
# ruff: noqa: SIM905 -- a list of a hundred words in quotation marks is no easier to read

from __future__ import annotations

MOODS = (
    "Classic Modern Slim Wide Warm Cosy Bright Quiet Sturdy Light Soft Plain Noble Rustic Nordic"
    " Compact Folding Hanging Round Square Double Tall Low Travel Outdoor Bold Fresh Golden Silver"
    " Antique"
).split()
MATERIALS = (
    "Oak Steel Linen Cotton Glass Leather Wool Bamboo Brass Marble Walnut Ceramic Copper Felt"
    " Rattan Cork Velvet Granite Paper Concrete"
).split()
KINDS = (
    "lamp chair table shelf bowl mug blanket pillow desk bench basket mirror vase clock rug"
    " curtain towel plate candle holder bottle kettle teapot saucepan knife spoon tray stool"
    " wardrobe drawer cabinet bookcase headboard mattress duvet apron napkin tablecloth carafe"
    " tumbler pitcher colander whisk ladle grater spatula cutting-board thermos lantern chandelier"
    " sconce dimmer speaker headphones notebook pencil stapler backpack suitcase umbrella hammock"
    " tent sleeping-bag trowel rake wheelbarrow planter trellis birdhouse doormat hanger hook"
).split()
COLOURS = "red blue green black white grey yellow orange brown pink".split()
SIZES = "S M L XL".split()
SYLLABLES = (
    "lyk ta ba ren sol vik mo nor ha gen fjor da kul len bri sta tor pe mal ki run vel os mar"
    " tin gra lu sen dor fa nes hol bru ske var ild"
).split()
