/* zip.c - where members lie, and what an archive may not claim. */
#include "weights/zip.h"
#include "check.h"
#include "torch_bytes.h"

static TorchBytes file;

static void
make (int zip64)
{
  static TorchArchive a;

  file.n = 0;
  a = (TorchArchive){ .to = &file };
  torch_archive_add (&a, "b/second", "22", 2);
  torch_archive_add (&a, "a", "first", 5);
  torch_archive_add (&a, "b/empty", "", 0);
  torch_archive_end (&a, zip64);
}

static EmZip *
open_copy (uint8_t **copy, EmError *err)
{
  *err = (EmError) EM_ERROR_INIT;
  *copy = malloc (file.n ? file.n : 1); /* exact, so that a sanitizer sees one byte too many */
  memcpy (*copy, file.bytes, file.n);
  return em_zip_open (*copy, file.n, "file", err);
}

static void
finds_members (void)
{
  for (int zip64 = 0; zip64 < 2; zip64++) {
    EmError err;
    uint8_t *copy;
    EmZip *zip;

    make (zip64);
    zip = open_copy (&copy, &err);
    CHECK_TEXT (err.text, "");
    CHECK (zip);
    if (zip) {
      CHECK_INT (em_zip_count (zip), 3);
      CHECK_TEXT (em_zip_member (zip, 0)->name, "a");
      CHECK_TEXT (em_zip_member (zip, 2)->name, "b/second");
      CHECK_INT (em_zip_find (zip, "a")->n, 5);
      CHECK (memcmp (em_zip_find (zip, "a")->data, "first", 5) == 0);
      CHECK_INT ((em_zip_find (zip, "a")->data - copy) % 64, 0);
      CHECK_INT (em_zip_find (zip, "b/empty")->n, 0);
      CHECK (!em_zip_find (zip, "b"));
    }
    em_zip_close (zip);
    free (copy);
  }
}

/* Every shorter file is refused: the end is what tells where everything is. */
static void
refuses_what_is_cut_off (void)
{
  make (1);
  for (size_t whole = file.n, n = 0; n < whole; n++) {
    EmError err;
    uint8_t *copy;

    file.n = n;
    CHECK (!open_copy (&copy, &err));
    CHECK_INT (err.code, EM_E_WEIGHTS);
    free (copy);
  }
}

/* Byte `at` before the end of the classic record, or behind the first `mark`, becomes `value`. */
static void
refuses (const char *mark, int at, uint8_t value, const char *sentence)
{
  EmError err;
  uint8_t *copy, *found;

  make (1);
  found = memmem (file.bytes, file.n, mark, 4);
  found[at] = value;
  CHECK (!open_copy (&copy, &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, sentence)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, sentence);
    check_failures++;
  }
  free (copy);
}

static void
refuses_lies (void)
{
  refuses ("PK\5\6", 10, 2, "several files");
  refuses ("PK\5\6", 4, 1, "several files");
  refuses ("PK\5\6", 16, 7, "contradicts");
  refuses ("PK\6\6", 24, 9, "several files");
  refuses ("PK\6\6", 32, 9, "several files");
  refuses ("PK\6\6", 55, 0x80, "contradicts");
  refuses ("PK\6\7", 8, 1, "not where");
  refuses ("PK\6\7", 15, 0xff, "not where");
  refuses ("PK\1\2", 8, 9, "encrypted");
  refuses ("PK\1\2", 10, 8, "compressed");
  refuses ("PK\1\2", 20, 3, "two sizes");
  refuses ("PK\1\2", 42, 1, "not where");
  refuses ("PK\1\2", 45, 0x10, "outside");
  refuses ("PK\1\2", 28, 200, "damaged");
  refuses ("PK\1\2", 46, '/', "impossible name");
  refuses ("PK\1\2", 47, '\\', "impossible name");
  refuses ("PK\1\2", 46, 'a', "not where");
  refuses ("PK\3\4", 0, 'Q', "not where");
  refuses ("PK\3\4", 29, 0xff, "outside");
}

CHECK_MAIN (finds_members, refuses_what_is_cut_off, refuses_lies)
