"""What reports are about, one file a topic. Prose only; no logic. A new topic is a new file and its name below."""

from mmsum.data.spec import Topic
from mmsum.data.topics.bakery import BAKERY
from mmsum.data.topics.buses import BUSES
from mmsum.data.topics.cycling import CYCLING
from mmsum.data.topics.hospital import HOSPITAL
from mmsum.data.topics.library import LIBRARY
from mmsum.data.topics.meals import MEALS
from mmsum.data.topics.museum import MUSEUM
from mmsum.data.topics.orchard import ORCHARD
from mmsum.data.topics.river import RIVER
from mmsum.data.topics.support import SUPPORT
from mmsum.data.topics.water import WATER
from mmsum.data.topics.wind import WIND

TOPICS: tuple[Topic, ...] = (
    BAKERY,
    BUSES,
    CYCLING,
    HOSPITAL,
    LIBRARY,
    MEALS,
    MUSEUM,
    ORCHARD,
    RIVER,
    SUPPORT,
    WATER,
    WIND,
)
