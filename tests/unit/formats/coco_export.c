/* Writes a COCO export of random masks to the folder named, for a reader that is not ours. */
#include <stdio.h>
#include <stdlib.h>
#include "check.h"
#include "formats/format.h"

int
main (int argc, char **argv)
{
  EmExportOptions options = em_export_defaults ();
  EmExportMedia media = { 0 };
  EmError err = EM_ERROR_INIT;
  uint64_t noise = 11;
  int64_t pts[40];
  uint8_t pixels[37 * 23];
  EmTracks *t;

  if (argc != 2)
    return 2;
  for (int f = 0; f < 40; f++)
    pts[f] = f * 40000000ll;
  t = em_tracks_new ("random", 37, 23, 40, pts, 1600000000);
  for (int o = 1; o <= 3; o++) {
    EmTrackObject *object = em_tracks_add_object (t, o, "Object", o == 3 ? "" : "dog", 0, 0);

    for (int f = 0; f < 40; f++) {
      for (int i = 0; i < 37 * 23; i++)
        pixels[i] = o == 1   ? check_random (&noise) % 2
                    : o == 2 ? (i % 37 - f) * (i % 37 - f) + (i / 37 - 11) * (i / 37 - 11) < 60
                             : f == 7;
      em_track_object_set (object, f, EM_STATE_KEYFRAME, em_rle_encode (pixels, 37, 23));
    }
  }
  options.frames = EM_FRAMES_ALL;
  if (!em_export (em_format_find ("coco-rle"), &t, 1, &options, &media, argv[1], NULL, &err)) {
    fprintf (stderr, "%s\n", err.text);
    return 1;
  }
  /* The masks once more, as plain bytes in the order of the annotations. */
  char path[4096];
  snprintf (path, sizeof path, "%s/pixels.raw", argv[1]);
  FILE *raw = fopen (path, "wb");
  for (int f = 0; f < 40; f++)
    for (int o = 0; o < 3; o++)
      if (em_rle_area (&t->objects[o].masks[f].mask)) {
        em_rle_decode (&t->objects[o].masks[f].mask, pixels, 1);
        fwrite (pixels, 1, sizeof pixels, raw);
      }
  fclose (raw);
  em_tracks_free (t);
  return 0;
}
