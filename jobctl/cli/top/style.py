"""How `jobctl top` is laid out: in the terminal's own colours, and readable without any."""

CSS = """
Screen { background: ansi_default; color: ansi_default; layout: vertical; }
Static, Rows, Input, VerticalScroll, Vertical { background: ansi_default; color: ansi_default; }
#head { height: 1; text-style: bold; }
#head.away { text-style: bold reverse; }
#tabs { height: 1; }
#filter { height: 1; border: none; padding: 0 1; }
#problem { height: auto; padding: 0 1; display: none; color: ansi_red; }
#columns { height: 1; text-style: bold; }
#rows { height: 1fr; scrollbar-size: 0 0; }
#events { height: 5; text-wrap: nowrap; text-overflow: ellipsis; }
#said { height: 1; text-wrap: nowrap; text-overflow: ellipsis; text-style: bold; }
#keys { height: 1; text-style: reverse; text-wrap: nowrap; }
#card { height: 1fr; scrollbar-size: 0 0; }
#text { height: auto; }
ModalScreen { align: center middle; }
#box { width: 78; max-width: 100%; height: auto; max-height: 100%; border: ascii ansi_default; padding: 0 1; }
#box Static { height: auto; }
#box Input { height: 1; border: none; }
#question { text-style: bold; }
"""
