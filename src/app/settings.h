/* settings.h - what is remembered from one start to the next, in the user's earmark.conf. */
#pragma once
#include <gio/gio.h>

/* (transfer full); NULL where the schema is not to be found: then nothing is remembered. With
 * GSETTINGS_BACKEND set that backend is used, so tests leave no file behind. */
GSettings *em_settings_open (void);
