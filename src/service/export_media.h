/* export_media.h - pictures and sound of clips, written as files for an export.
 *
 * Fills the callbacks of an EmExportMedia from media: PNG and JPEG of exact frames, WAV of 16 kHz,
 * 16 bit, two channels. One clip is open at a time. Blocks; for a worker thread, the same from
 * first use to the end. */
#pragma once
#include <gio/gio.h>
#include "formats/format.h"

G_BEGIN_DECLS

typedef struct EmExportSource EmExportSource;

/* `paths`: where the media of each clip are now, NULL if they are gone; copied. */
EmExportSource *em_export_source_new (const char *const *paths, int n, GCancellable *cancellable);
void em_export_source_free (EmExportSource *s); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmExportSource, em_export_source_free)

/* Sets self, save_picture and save_sound; `progress` is the caller's. */
void em_export_source_fill (EmExportSource *s, EmExportMedia *media);

G_END_DECLS
