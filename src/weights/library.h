/* library.h - the packages of a user, kept by digest.
 *
 * $XDG_DATA_HOME/earmark/weights (~/.local/share/... without it) holds DIGEST.safetensors files and
 * nothing else of ours. Files that are no packages are passed over. Any thread; blocks on the file
 * system. */
#pragma once
#include "base/error.h"

/* The folder, which need not be there; the caller frees. EM_E_INPUT without a home. */
char *em_library_folder (EmError *err);
/* Where the package of this digest belongs; makes the folder. The caller frees. */
char *em_library_place (const char *digest, EmError *err);

typedef struct {
  char *path;
  char digest[65]; /* as the file is called; em_library_verify compares */
  char name[128];  /* of the model */
  long long bytes;
} EmLibraryEntry;

/* All of them, by name, then digest; *n. The caller frees with em_library_list_free. NULL with *err
 * if the folder is there and cannot be read; an empty library is a list of none. */
EmLibraryEntry *em_library_list (int *n, EmError *err);
void em_library_list_free (EmLibraryEntry *entries, int n);

/* A model as a person names it: the path of a file, a digest or its first digits (at least 4), or
 * the name of one package. -> the path; the caller frees. EM_E_WEIGHTS if there is none or several.
 */
char *em_library_find (const char *spec, EmError *err);

/* Do its tensors have the digest it is called by? False with EM_E_CHECK if not, EM_E_WEIGHTS if it
 * is no sound package (any more). */
bool em_library_verify (const EmLibraryEntry *entry, EmError *err);
