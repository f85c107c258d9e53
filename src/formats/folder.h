/* folder.h - what readers ask of folders, and the list of clips they fill. */
#pragma once
#include "base/error.h"
#include "base/tracks.h"

/* "FOLDER/NAME" with a printf-formatted name; the caller frees. */
char *em_path (const char *folder, const char *name, ...) __attribute__ ((format (printf, 2, 3)));
bool em_is_folder (const char *path);

/* Names in a folder that end in `suffix` ("" for all), sorted; those that begin with a point are
 * left out. */
typedef struct {
  int n, room;
  char **items;
} EmNames;
bool em_names_in (const char *folder, const char *suffix, EmNames *names, EmError *err);
void em_names_clear (EmNames *names);

/* Clips read so far; a reader hands the array out or clears it. */
typedef struct {
  int n, room;
  EmTracks **items;
} EmClips;
void em_clips_add (EmClips *clips, EmTracks *t);
/* Ends a reader: the clips go out if `good`, else they are freed. Returns `good`. */
bool em_clips_hand_out (EmClips *clips, bool good, EmTracks ***out, int *n);
