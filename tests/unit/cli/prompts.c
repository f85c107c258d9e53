/* Prompt files: what a person may say, and every way to say it wrong. */
#include <glib.h>
#include <unistd.h>
#include "check.h"
#include "cli/prompts_file.h"

#define FRAMES 10
#define WIDTH  64
#define HEIGHT 48

static bool
read_text (EmPromptsFile *out, const char *text, bool sound, EmError *err)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("prompts-XXXXXX.json", &path, NULL);
  bool good;

  *err = (EmError) EM_ERROR_INIT;
  close (fd);
  g_file_set_contents (path, text, -1, NULL);
  good = em_prompts_file_read (out, path, FRAMES, WIDTH, HEIGHT, sound, err);
  unlink (path);
  return good;
}

static void
right (void)
{
  const char *text
      = "{\"objects\": [{\"id\": 7, \"prompts\": [{\"frame\": 9, \"box\": [1, 2, 64, 48]},"
        " {\"frame\": 0, \"points\": [[3.5, 4, 1], [0, 0, 0]], \"sound\": false}]},"
        " {\"id\": 2, \"prompts\": [{\"frame\": 4, \"points\": [], \"sound\": true}]}]}";
  EmPromptsFile file;
  EmError err;
  const EmKeyPrompt *k;

  CHECK (read_text (&file, text, true, &err));
  CHECK_INT (file.n, 2);
  CHECK_INT (file.objects[0].id, 2); /* by id, keys by frame */
  CHECK (file.objects[0].keys[0].set.n == 0 && file.objects[0].keys[0].set.sound);
  k = file.objects[1].keys;
  CHECK (k[0].frame == 0 && k[1].frame == 9 && file.objects[1].n == 2);
  CHECK (!k[0].set.sound && k[1].set.sound && k[0].set.n == 2 && k[1].set.n == 1);
  CHECK (k[0].set.items[0].kind == EM_PROMPT_POSITIVE && k[0].set.items[0].x0 == 3.5f);
  CHECK (k[0].set.items[1].kind == EM_PROMPT_NEGATIVE);
  CHECK (k[1].set.items[0].kind == EM_PROMPT_BOX && k[1].set.items[0].x1 == 64);
  em_prompts_file_clear (&file);

  /* Sound off overrules the file, and then the object of sound alone has nothing left. */
  CHECK (!read_text (&file, text, false, &err));
  CHECK (strstr (err.text, "objects[1].prompts[0]"));
}

/* A prompt of frame 0 wherever %s stands for the rest of it. */
#define ONE(rest) "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 0" rest "}]}]}"

static void
wrong (void)
{
  static const struct {
    const char *text, *says;
    EmStatus code;
  } cases[] = {
    { "", "JSON", EM_E_INPUT },
    { "{\"objects\": [", "JSON", EM_E_INPUT },
    { ONE (", \"points\": [[NaN, 1, 1]]"), "JSON", EM_E_INPUT },
    { "[]", "not an object", EM_E_USAGE },
    { "{}", "no list of \"objects\"", EM_E_USAGE },
    { "{\"objects\": 3}", "no list of \"objects\"", EM_E_USAGE },
    { "{\"objects\": [], \"object\": []}", "unknown key \"object\"", EM_E_USAGE },
    { "{\"objects\": [5]}", "objects[0] is not an object", EM_E_USAGE },
    { "{\"objects\": [{\"prompts\": []}]}", "\"id\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": \"1\", \"prompts\": [{}]}]}", "\"id\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 0, \"prompts\": [{}]}]}", "\"id\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1000, \"prompts\": [{}]}]}", "\"id\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": []}]}", "no list of \"prompts\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [7]}]}", "prompts[0] is not an", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{}]}]}", "\"frame\"", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 10, \"points\": [[1, 1, 1]]}]}]}",
      "\"frame\" is 10, expected 0 to 9", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": -1, \"points\": [[1, 1, 1]]}]}]}",
      "\"frame\" is -1", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 0.5, \"points\": [[1, 1, 1]]}]}]}",
      "\"frame\"", EM_E_USAGE },
    { ONE (", \"sound\": false"), "neither points nor a box nor sound", EM_E_USAGE },
    { ONE (", \"sound\": 1"), "\"sound\"", EM_E_USAGE },
    { ONE (", \"point\": [[1, 1, 1]]"), "unknown key \"point\"", EM_E_USAGE },
    { ONE (", \"points\": {}"), "\"points\"", EM_E_USAGE },
    { ONE (", \"points\": [[1, 1]]"), "[x, y, label]", EM_E_USAGE },
    { ONE (", \"points\": [1, 1, 1]"), "[x, y, label]", EM_E_USAGE },
    { ONE (", \"points\": [[1, 1, 2]]"), "label", EM_E_USAGE },
    { ONE (", \"points\": [[1, 1, true]]"), "label", EM_E_USAGE },
    { ONE (", \"points\": [[1, \"1\", 1]]"), "not a number", EM_E_USAGE },
    { ONE (", \"points\": [[65, 1, 1]]"), "64 x 48", EM_E_USAGE },
    { ONE (", \"points\": [[1, -0.5, 1]]"), "outside", EM_E_USAGE },
    { ONE (", \"points\": [[1, 1, 0]], \"sound\": false"), "only negative", EM_E_USAGE },
    { ONE (", \"box\": [1, 2, 3]"), "x0, y0, x1, y1", EM_E_USAGE },
    { ONE (", \"box\": [5, 2, 5, 9]"), "empty \"box\"", EM_E_USAGE },
    { ONE (", \"box\": [1, 2, 3, 49]"), "outside", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 3, \"box\": [1, 2, 3, 4]},"
      "{\"frame\": 3, \"box\": [1, 2, 3, 4]}]}]}",
      "frame 3 twice", EM_E_USAGE },
    { "{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 3, \"box\": [1, 2, 3, 4]}]},"
      "{\"id\": 1, \"prompts\": [{\"frame\": 3, \"box\": [1, 2, 3, 4]}]}]}",
      "object 1 is there twice", EM_E_USAGE },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    EmPromptsFile file;
    EmError err;

    CHECK (!read_text (&file, cases[i].text, true, &err));
    CHECK_INT (err.code, cases[i].code);
    if (!strstr (err.text, cases[i].says) || strchr (err.text, '\n')) {
      fprintf (stderr, "case %zu says \"%s\", expected \"%s\"\n", i, err.text, cases[i].says);
      check_failures++;
    }
    CHECK (file.n == 0 && !file.objects);
  }
}

static void
too_many (void)
{
  GString *text
      = g_string_new ("{\"objects\": [{\"id\": 1, \"prompts\": [{\"frame\": 0, \"points\": [");
  EmPromptsFile file;
  EmError err;

  for (int i = 0; i <= EM_MAX_PROMPTS; i++)
    g_string_append_printf (text, "%s[%d, 1, 1]", i ? "," : "", i % WIDTH);
  g_string_append (text, "]}]}]}");
  CHECK (!read_text (&file, text->str, true, &err));
  CHECK (strstr (err.text, "more than 64"));
  CHECK (!em_prompts_file_read (&file, "/nowhere/prompts.json", FRAMES, WIDTH, HEIGHT, true, &err));
  g_string_free (text, TRUE);
}

CHECK_MAIN (right, wrong, too_many)
