/* coco.c - COCO instances: what was read can be used and written. */
#include <string.h>
#include "formats/coco_read.h"
#include "fuzz.h"

static const char *const seeds[] = {
  "{\"videos\":[{\"id\":4,\"name\":\"v\",\"length\":12,\"duration_ns\":900}],\"images\":[{\"id\":9,"
  "\"width\":2,\"height\":2,\"video_id\":4,\"frame_index\":10,\"pts_ns\":500},{\"id\":8,\"width\":"
  "2,"
  "\"height\":2,\"video_id\":4,\"frame_index\":0}],\"annotations\":[{\"id\":7,\"image_id\":9,"
  "\"track_id\":2,\"state\":\"approved\",\"segmentation\":{\"counts\":\"021O\"}}],"
  "\"categories\":[{\"id\":28,\"name\":\"guitar\"}]}",
  "{\"images\":[{\"id\":1,\"width\":6,\"height\":4,\"file_name\":\"clip01/00000.jpg\"}],"
  "\"annotations\":[{\"id\":5,\"image_id\":1,\"category_id\":28,\"segmentation\":{\"size\":[4,6],"
  "\"counts\":\"5220007\"}},{\"id\":6,\"image_id\":1,\"category_id\":28,\"segmentation\":{"
  "\"counts\":[5,2,2,1,0,1,2,2,9]}}],\"categories\":[{\"id\":28,\"name\":\"guitar\"}]}",
};

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  if (i >= (int) (sizeof seeds / sizeof *seeds))
    return 0;
  memcpy (out, seeds[i], strlen (seeds[i]));
  return strlen (seeds[i]);
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
}

static void
use (const EmTracks *t)
{
  FUZZ_DEMAND (t->width > 0 && t->height > 0 && t->n_frames > 0 && t->name[0]);
  FUZZ_DEMAND (t->duration_ns > t->pts_ns[t->n_frames - 1] && t->pts_ns[0] >= 0);
  for (int f = 1; f < t->n_frames; f++)
    FUZZ_DEMAND (t->pts_ns[f] > t->pts_ns[f - 1]);
  for (int i = 0; i < t->n_objects; i++)
    for (int k = 0; k < t->objects[i].n_masks; k++) {
      const EmTrackMask *m = &t->objects[i].masks[k];
      int64_t sum = 0;

      FUZZ_DEMAND (m->frame >= 0 && m->frame < t->n_frames);
      FUZZ_DEMAND (k == 0 || m->frame > t->objects[i].masks[k - 1].frame);
      FUZZ_DEMAND (m->mask.width == t->width && m->mask.height == t->height);
      for (int r = 0; r < m->mask.n; r++) {
        FUZZ_DEMAND (r == 0 || m->mask.counts[r] > 0);
        sum += m->mask.counts[r];
      }
      FUZZ_DEMAND (sum == (int64_t) t->width * t->height);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmError err = EM_ERROR_INIT;
  EmTracks **clips;
  int n_clips;

  if (!em_coco_parse ((const char *) bytes, n, "input", &clips, &n_clips, &err)) {
    FUZZ_DEMAND (err.code == EM_E_INPUT && err.text[0] && !clips && n_clips == 0);
    return 0;
  }
  fuzz_n_accepted++;
  for (int i = 0; i < n_clips; i++) {
    use (clips[i]);
    em_tracks_free (clips[i]);
  }
  free (clips);
  return 0;
}
