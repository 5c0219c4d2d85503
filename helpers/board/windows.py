"""The windows of a convolution or a pool: where they lie in a picture, as the C structure `struct windows` has it."""

from helpers.integer.operators import Step

NAMES = ("in_height", "in_width", "out_height", "out_width", "height", "width", "stride_height", "stride_width")
PADDING = ("pad_top", "pad_left")
ONE = dict.fromkeys(NAMES, 1) | dict.fromkeys(PADDING, 0)  # a window of one pixel in a picture of one pixel


def windows(step: Step) -> dict[str, int]:
    """Return the fields of `struct windows` of kernels.h for a convolution or a pool, in its order.

    Args:
        step: an operator with weights [..., height, width, ...], or one with filter_height and filter_width.

    Raises:
        NotImplementedError: its windows are dilated.
    """
    if step.pair("dilation_{}_factor") != (1, 1):
        raise step.refuse("its windows are dilated")
    pools = step.operator.name.endswith("POOL_2D")
    size = (step.option("filter_height"), step.option("filter_width")) if pools else step.constant(1).shape[1:3]
    strides, (inputs, outputs) = step.pair("stride_{}"), (t.shape[1:3] for t in (step.inputs[0], step.output))
    valid = step.option("padding", "SAME") == "VALID"
    pads = [
        0 if valid else max((out - 1) * stride + length - into, 0) // 2
        for into, out, length, stride in zip(inputs, outputs, size, strides, strict=True)
    ]
    numbers = (*inputs, *outputs, *size, *strides, *pads)
    return dict(zip((*NAMES, *PADDING), map(int, numbers), strict=True))
