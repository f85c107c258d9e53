/* truth.h - what is true about clips: a tree of folders with a picture per object and frame.
 *
 *   ROOT/[SLICE/]CLIP/001/00000.png ...   0 outside, anything else inside; no file: not labelled
 *   ROOT/[SLICE/]CLIP/frames.csv          frame,pts_ns
 *   ROOT/[SLICE/]CLIP/objects.csv         object,name,class,color
 *   ROOT/[SLICE/]CLIP/sounding.csv        object,start_ns,end_ns (optional: all sound always) */
#pragma once
#include <glib.h>
#include "base/tracks.h"

typedef struct {
  char *name;   /* below the root: "standard/world-3" */
  char *slice;  /* the folders above the clip: "standard"; "" if none */
  char *folder; /* of the truth */
  char *media;  /* CLIPS/[SLICE/]CLIP with a suffix of a media file; NULL if there is none */
} EmTruthClip;

/* Clips in name order; EM_E_INPUT if there are none. Free with g_ptr_array_unref. */
GPtrArray *em_truth_find (const char *root, const char *clips, EmError *err);

/* CLIPS/NAME with a suffix of a media file; NULL if there is none. g_free. */
char *em_truth_media (const char *clips, const char *name);

/* EM_E_INPUT with the file's name if something in it makes no sense. */
EmTracks *em_truth_read (const EmTruthClip *clip, EmError *err);

/* Does the object sound for at least half of second k? */
bool em_truth_sounds (const EmTracks *truth, int64_t object, int second);
/* The truth's mask; NULL where nothing is labelled. */
const EmRle *em_truth_mask (const EmTracks *truth, const EmTrackObject *object, int frame);
