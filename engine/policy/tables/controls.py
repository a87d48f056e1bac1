"""Controls of laws and standards that a check may speak to. Pure.

No rule sees them: they are the words of ``engine explain --controls``.
"""

from __future__ import annotations

from engine.model import Json
from engine.policy.manifest import CONTROL
from engine.policy.tables.nodes import Node

ROW_KEYS = ("framework", "title")


def controls(root: Node | None) -> dict[str, Json]:
    """Return the rows of ``controls/data.yaml`` by id; none where there is no such file.

    Raises:
        ConfigError: A row is not whole, or its id is none.
    """
    if root is None:
        return {}
    rows = root.keys(("controls",), ("controls",))["controls"].members()
    for name, row in rows.items():
        Node(name, row.pointer, row.file).text(
            CONTROL.pattern, "a control is <framework>/<clause>, such as eu-ai-act/15"
        )
        for member in row.keys(ROW_KEYS, ROW_KEYS).values():
            member.text()
    return {name: row.value for name, row in rows.items()}
