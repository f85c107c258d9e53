/* feed.h - units in, decoded samples out.
 *
 * appsrc ! decodebin ! appsink: the source asks for units as the decoder takes them, the sink holds
 * a few pictures back, so decoding runs a little ahead of whoever pulls. The PTS of a sample is the
 * tag of its unit. One thread at a time. Internal to media. */
#pragma once
#include "media/units.h"

typedef struct EmFeed EmFeed;

/* `name` is for messages. Nothing runs before the first em_feed_start. */
EmFeed *em_feed_open (EmUnits *units, const char *name);
void em_feed_close (EmFeed *feed); /* NULL is fine */

/* Drops what is under way and feeds from `unit`, a key unit, on; after `last` no more. */
void em_feed_start (EmFeed *feed, int unit, int last);
/* The next picture: a sample to unref. NULL without an error at the end; EM_E_INPUT if the decoder
 * gives up or is silent for ten seconds (start again after it), EM_E_CANCELLED. */
GstSample *em_feed_pull (EmFeed *feed, GCancellable *cancellable, GError **error);
