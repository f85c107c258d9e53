/* em-decoder.h - picture i, exactly.
 *
 * The clip's access units are kept in a cache file (user cache folder, by fingerprint) and fed to a
 * decoder from the right key frame on until the sample with the wanted time comes out: no seeking,
 * so exact in every container. Stepping forward costs one decode; the pictures around the last ones
 * asked for stay in a ring of bounded size. Calls block and may come from any thread, one at a
 * time: a second caller waits. What is handed out belongs to the caller. */
#pragma once
#include "media/em-frame-index.h"

G_BEGIN_DECLS

#define EM_TYPE_DECODER (em_decoder_get_type ())
G_DECLARE_FINAL_TYPE (EmDecoder, em_decoder, EM, DECODER, GObject)

/* `path` is where the clip that `index` was made of is now. Writes the cache file if it is not
 * there. EM_E_INPUT if the clip is gone, has changed or has no decoder here. */
EmDecoder *em_decoder_open (EmFrameIndex *index, const char *path, GCancellable *cancellable,
                            GError **error);

/* Display width x height x 4 bytes RGBA, alpha 255: what the canvas draws. */
GBytes *em_decoder_read (EmDecoder *self, int frame, GCancellable *cancellable, GError **error);
/* The same picture as width x height x 3 bytes RGB into `rgb`: what the model sees. */
bool em_decoder_read_rgb (EmDecoder *self, int frame, uint8_t *rgb, GCancellable *cancellable,
                          GError **error);
/* Both fail with EM_E_INPUT for a broken frame ("frame 12 cannot be decoded: ..."), the others stay
 * readable; EM_E_CANCELLED within a frame's time if cancelled. */

EmFrameIndex *em_decoder_index (EmDecoder *self); /* (transfer none) */
/* How much memory the ring may use; 64 MiB if never called. At least one picture is kept. */
void em_decoder_set_ring_bytes (EmDecoder *self, size_t bytes);

G_END_DECLS
