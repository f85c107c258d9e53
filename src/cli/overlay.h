/* overlay.h - masks drawn over a picture. */
#pragma once
#include <stdint.h>
#include "base/rle.h"

/* The colour of the object with this number, 1.. : seven that colour-blind people tell apart, then
 * the same again. 0xRRGGBB. */
uint32_t em_overlay_color (int object);
/* Half of the colour over the mask, a dark and a light line along its edge; `rgb` is of the mask's
 * size, 3 bytes a pixel. */
void em_overlay_draw (uint8_t *rgb, const EmRle *mask, uint32_t color);
