/* units.h - a clip's access units, each by its number in decode order.
 *
 * What a decoder is fed with. The units of a file lie in a cache file (user cache folder, by
 * fingerprint), those of a folder of pictures are the pictures themselves. Immutable and counted;
 * any thread. Internal to media. */
#pragma once
#include "media/folder.h"
#include "media/packets.h"

typedef struct {
  int64_t tag;         /* the PTS it is fed with: unique, >= 0, in the order of showing */
  int64_t time_ns;     /* on the container's clock */
  int64_t duration_ns; /* 0 if unknown */
  bool is_key, is_hidden;
  int caps;
  uint64_t offset; /* in the cache file */
  uint32_t size;
} EmUnit;

typedef struct EmUnits EmUnits;

/* One pass over the file. Only the first units' bytes are kept, enough to decode a first picture;
 * *info, if not NULL, gets what was seen beside (em_packets_clear). */
EmUnits *em_units_scan (const char *path, EmPackets *info, GCancellable *cancellable,
                        GError **error);
/* From the cache file of that fingerprint, or a pass that writes one. If the cache folder cannot be
 * written the units lie in a temporary file until the last reference goes. */
EmUnits *em_units_open (const char *path, const char *fingerprint, GCancellable *cancellable,
                        GError **error);
EmUnits *em_units_from_folder (EmFolder *folder); /* takes over `folder` */
EmUnits *em_units_ref (EmUnits *u);
void em_units_unref (EmUnits *u); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmUnits, em_units_unref)

int em_units_count (const EmUnits *u);
const EmUnit *em_units_table (const EmUnits *u);
int em_units_readable (const EmUnits *u); /* the first so many can be read; all but after a scan */
bool em_units_is_shown_tag (const EmUnits *u, int64_t tag);
bool em_units_have_guesses (const EmUnits *u); /* some times are decode times: check before use */
GstCaps *em_units_caps (const EmUnits *u, int unit); /* (transfer none) */
GstVideoOrientationMethod em_units_orientation (const EmUnits *u);
/* Where to start feeding so that the picture of `unit` comes out whole: the last key unit that is
 * decoded and shown no later than it; `skip` that many such key units further back if there are. */
int em_units_key_before (const EmUnits *u, int unit, int skip);
/* A buffer with tag, duration and flags set; NULL with EM_E_INPUT if it cannot be read. */
GstBuffer *em_units_read (const EmUnits *u, int unit, GError **error);
