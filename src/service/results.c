/* results.c - what the engine answers with. */
#include "service/results.h"
#include <string.h>

G_DEFINE_BOXED_TYPE (EmDecoded, em_decoded, em_decoded_ref, em_decoded_unref)
G_DEFINE_BOXED_TYPE (EmSuggestion, em_suggestion, em_suggestion_ref, em_suggestion_unref)
G_DEFINE_BOXED_TYPE (EmTrackedFrame, em_tracked_frame, em_tracked_frame_ref, em_tracked_frame_unref)

EmDecoded *
em_decoded_new (void)
{
  return g_atomic_rc_box_new0 (EmDecoded);
}

EmDecoded *
em_decoded_ref (EmDecoded *d)
{
  return g_atomic_rc_box_acquire (d);
}

static void
decoded_clear (gpointer data)
{
  em_rle_clear (&((EmDecoded *) data)->mask);
}

void
em_decoded_unref (EmDecoded *d)
{
  g_atomic_rc_box_release_full (d, decoded_clear);
}

EmSuggestion *
em_suggestion_new (void)
{
  return g_atomic_rc_box_new0 (EmSuggestion);
}

EmSuggestion *
em_suggestion_ref (EmSuggestion *s)
{
  return g_atomic_rc_box_acquire (s);
}

static void
suggestion_clear (gpointer data)
{
  g_clear_pointer (&((EmSuggestion *) data)->logits, g_bytes_unref);
}

void
em_suggestion_unref (EmSuggestion *s)
{
  g_atomic_rc_box_release_full (s, suggestion_clear);
}

EmTrackedFrame *
em_tracked_frame_new (int frame, int n)
{
  EmTrackedFrame *f = g_atomic_rc_box_new0 (EmTrackedFrame);

  f->frame = frame;
  f->n = n;
  f->masks = g_new0 (EmDecoded *, n + 1);
  return f;
}

EmTrackedFrame *
em_tracked_frame_ref (EmTrackedFrame *f)
{
  return g_atomic_rc_box_acquire (f);
}

static void
tracked_frame_clear (gpointer data)
{
  EmTrackedFrame *f = data;

  for (int i = 0; i < f->n; i++)
    g_clear_pointer (&f->masks[i], em_decoded_unref);
  g_free (f->masks);
}

void
em_tracked_frame_unref (EmTrackedFrame *f)
{
  g_atomic_rc_box_release_full (f, tracked_frame_clear);
}
