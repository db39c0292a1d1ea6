"""The lineage's picture as one SVG file, which any viewer shows without the console's style sheet."""

from millrace.console.drawing import boxes
from millrace.console.pages.lineage import drawn
from millrace.metadata.lineage import Lineage

# The console's colours in light and in dark, for what a picture of artifacts has.
_STYLE = """
.graph { font-family: system-ui, sans-serif; background: #fff; --ink: #1c2024; --soft: #5d6671; --line: #8b95a1;
  --sheet: #fff; --accent: #1a5fb4; --warn: #9a5b00; }
@media (prefers-color-scheme: dark) { .graph { background: #16191d; --ink: #e6e9ec; --soft: #a3adb8; --line: #67717d;
  --sheet: #1e2227; --accent: #7db4f5; --warn: #e0a030; } }
.edge { fill: none; stroke: var(--line); stroke-width: 1.3; }
.node rect { fill: var(--sheet); stroke: var(--line); stroke-width: 1.2; }
.node.chosen rect { stroke: var(--accent); stroke-width: 2; }
.node.gone rect { stroke: var(--warn); stroke-dasharray: 3 3; }
.node .name { fill: var(--ink); font-size: 11.5px; font-weight: 600; }
.node .under { fill: var(--soft); font-size: 11px; }
"""


def picture(graph: Lineage, title: str) -> str:
    """Draws the artifacts around some, from what was read on the left to what was made of it on the right.

    Args:
        graph: the artifacts and what leads from one to another.
        title: what it is, for who does not see it.

    Returns:
        The text of an SVG file.
    """
    upstream = {str(node.id): tuple(str(edge.source) for edge in graph.sources(node.id)) for node in graph.nodes}
    shown = str(boxes(drawn(graph), upstream, title, in_report=True))
    opening, _, rest = shown.partition(">")
    return f'{opening} xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}</style>{rest}\n'
