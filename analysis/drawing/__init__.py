"""Parts that all figures share: layout, style, annotations, legend, SVG.

May import frames and text; imports no figure.
"""
