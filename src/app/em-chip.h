/* em-chip.h - an object's colour and pattern as a small square with its number key. */
#pragma once
#include <gtk/gtk.h>

#define EM_TYPE_CHIP (em_chip_get_type ())
G_DECLARE_FINAL_TYPE (EmChip, em_chip, EM, CHIP, GtkWidget)

/* Properties that can be set: "color" (0xRRGGBB), "pattern" (0..2), "number" (0 or above 9: none).
 */
