/* Feeds the fuzz target without libFuzzer: files, folders of files, or random bytes.
 *
 *   replay PATH...            every file, in order
 *   replay -random COUNT SEED cases that nobody has seen yet; a failing one is left in the file
 *                             named by FUZZ_ARTIFACT, if set */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 4096, RANDOM_LENGTH = 48 };
static long cases;

static void leave(const uint8_t *data, size_t size) {
    const char *name = getenv("FUZZ_ARTIFACT");
    FILE *file = name ? fopen(name, "wb") : NULL;
    if (!file) return;
    fwrite(data, 1, size, file);
    fclose(file);
}

static int replay_file(const char *path) {
    uint8_t data[LONGEST];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    const size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    cases++;
    return 0;
}

static int replay(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return replay_file(path);
    int bad = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        bad |= replay_file(name);
    }
    closedir(folder);
    return bad;
}

static void random_cases(long count, uint64_t seed) {
    for (long i = 0; i < count; i++, cases++) {
        uint8_t data[RANDOM_LENGTH];
        for (int j = 0; j < RANDOM_LENGTH; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            data[j] = (uint8_t)(seed >> 56);
        }
        if (i % 4096 == 0 || getenv("FUZZ_EACH")) leave(data, sizeof data);
        LLVMFuzzerTestOneInput(data, sizeof data);
    }
}

int main(int argc, char **argv) {
    int bad = 0;
    if (argc == 4 && strcmp(argv[1], "-random") == 0)
        random_cases(atol(argv[2]), strtoull(argv[3], NULL, 10));
    else
        for (int i = 1; i < argc; i++) bad |= replay(argv[i]);
    printf("%ld cases\n", cases);
    return bad || !cases;
}
