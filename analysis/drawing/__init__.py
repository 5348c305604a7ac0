"""Parts that all figures share: layout, style, annotations, legend, SVG.

May import frames and text; only `render` imports the figures and their wording.
"""
