/* preset.h - what kind of data set a project is for: its grid, its classes. */
#pragma once
#include "store/db.h"

G_BEGIN_DECLS

/* Names of the presets, NULL-terminated; "video" is the default. */
extern const char *const em_presets[];

/* Sets preset, grid and classes of `setup` (all static). False if there is no such preset. */
bool em_preset_fill (const char *name, EmDbSetup *setup);

G_END_DECLS
