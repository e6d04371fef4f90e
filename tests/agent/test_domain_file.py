from __future__ import annotations

from agent.domain_file import key_lines

TEXT = '''\
# a comment with [brackets] and key = "x"
[app]
name = "a"   # [not.a.table]
title = """
[intents.fake]
fake = 1
"""
examples = [
    "one", # ]
    "two = 2",
    'three [',
]
"quoted key" = 1
dotted.inner = 2

[intents."two words"]
title = "t"
[[list.of]]
x = {inline = 1, more = [1,
  2]}
last = """ends "here\\"" """
'''


def test_every_key_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert lines == {
        ("app",): 2,
        ("app", "name"): 3,
        ("app", "title"): 4,
        ("app", "examples"): 8,
        ("app", "quoted key"): 13,
        ("app", "dotted"): 14,
        ("app", "dotted", "inner"): 14,
        ("intents",): 16,
        ("intents", "two words"): 16,
        ("intents", "two words", "title"): 17,
        ("list",): 18,
        ("list", "of"): 18,
        ("list", "of", "x"): 19,
        ("list", "of", "last"): 21,
    }
