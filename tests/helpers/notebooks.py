"""Notebooks, run in a kernel of their own.

`python tests/helpers/notebooks.py NOTEBOOK...` runs them and writes what they show into them, for whoever reads them on
a web page.
"""

import sys
import tempfile
from pathlib import Path


def executed(path, folder):
    """The notebook of a file with what its cells show. It runs in a folder; an error in it is raised."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.clear()
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place, record_timing=False).execute()


def joined(notebook):
    """The notebook with lines of a stream in one output each: how many there are depends on when they came."""
    for cell in notebook.cells:
        outputs = []
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and outputs and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        if "outputs" in cell:
            cell.outputs = outputs
    return notebook


def write(path):
    """Run a notebook, and put what it shows into its file."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        notebook = joined(executed(path, folder))
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name))
