"""How gradients flow through time, during training too, and what to look at beside them.

    with mg.Tape() as tape:
        loss = model.loss(x, y)
    loss.backward()
    flow = gradient_flow(tape, model)
    print(flow)
    plot_flow(flow, "flow.png")

- `gradient_flow`: the norm of dL/dh_t for every time step and state; `plot_flow`, `plot_layers` draw it
- `FlowHistory`: the same, measured again and again during training; `plot_history`
- `Snapshot`, `UpdateHistory`: what steps of the optimizer change; `plot_histograms`, `plot_ratios`
- `spectral_radius`, `recurrent_weights`, `scale_radius_`: why gradients vanish or explode
- `WeightsOf`: attention weights while they are computed; `plot_weights` draws them, and those of a memory
"""

from minigrad.training.flow import GradientFlow, gradient_flow

from .histograms import plot_histograms, plot_ratios
from .history import FlowHistory
from .plots import plot_flow, plot_history, plot_layers
from .radius import recurrent_weights, scale_radius_, spectral_radius
from .updates import Snapshot, Update, UpdateHistory
from .weights import WeightsOf, plot_weights

__all__ = [
    "FlowHistory",
    "GradientFlow",
    "Snapshot",
    "Update",
    "UpdateHistory",
    "WeightsOf",
    "gradient_flow",
    "plot_flow",
    "plot_histograms",
    "plot_history",
    "plot_layers",
    "plot_ratios",
    "plot_weights",
    "recurrent_weights",
    "scale_radius_",
    "spectral_radius",
]
