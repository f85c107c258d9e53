/* clips.h - drawn clips for the media tests, and what GStreamer itself makes of them. */
#pragma once
#include "media/em-audio.h"
#include "media/em-decoder.h"

/* A folder of its own for clips and caches; criticals are fatal from here on. Call first. */
void clips_open (void);
void clips_close (void);
/* The path of a clip of this kind (tests/make-clip.sh), drawn once per run; NULL, and said on
 * stderr, if a plugin it needs is not installed. */
const char *clip (const char *kind);
/* 77 if not one clip could be drawn, else 1 if a check failed. */
#define clips_result() clips_finish (check_failures)
int clips_finish (int n_failures);
/* A path in the folder; caller frees. */
char *clips_path (const char *name);

EmFrameIndex *open_index (const char *path);
EmDecoder *open_decoder (EmFrameIndex *index, const char *path);
/* A hash of frame i's picture; "" and said on stderr if it cannot be read. Caller frees. */
char *picture_hash (EmDecoder *decoder, int frame);

/* The whole clip decoded in one go by a pipeline that shares nothing with ours. */
typedef struct {
  int n;
  int64_t *pts_ns; /* from the first */
  char **hashes;   /* of the pictures, upright, RGBA */
} Reference;
Reference reference_decode (const char *path);
void reference_clear (Reference *r);

#define MUST(expression)                                                                           \
  do {                                                                                             \
    GError *error = NULL;                                                                          \
    if (!(expression)) {                                                                           \
      fprintf (stderr, "%s:%d: %s\n", __FILE__, __LINE__, error ? error->message : #expression);   \
      exit (1);                                                                                    \
    }                                                                                              \
  } while (0)
