// From PTX to a loaded library: the translator (a Node.js program) and the C++ compiler, behind a cache by
// content.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "modules.h"

extern char** environ;

namespace emu {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs a program with its output in a file; whether it succeeded.
bool execute(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  for (auto& w : words) arguments.push_back(const_cast<char*>(w.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child;
  int status = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) {
    std::fprintf(stderr, "emu: cannot run %s: %s\n", arguments[0], std::strerror(error));
    return false;
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Hash of the translator and of the headers that translated modules include.
u64 hash_of_sources() {
  static const u64 hash = [] {
    std::vector<fs::path> files;
    for (auto folder : {"translator", "runtime"}) {
      for (auto& entry : fs::recursive_directory_iterator(options().sources + "/" + folder)) {
        const std::string extension = entry.path().extension();
        if (extension == ".ts" || extension == ".h") files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    u64 h = 0;
    for (auto& f : files) {
      const std::string text = read_file(f);
      h = hash_bytes(text.data(), text.size(), h + 1);
    }
    return h;
  }();
  return hash;
}

std::string cache_key(const std::string& ptx) {
  const std::string all = options().optimisation + (is_counting() ? " count" : "") + "\n" +
                          options().compiler + "\n" + std::to_string(hash_of_sources()) + "\n" + ptx;
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx", hash_bytes(all.data(), all.size()),
                hash_bytes(all.data(), all.size(), 0x1234567ull));
  return name;
}

}  // namespace

// Several processes may build the same module at once: each works on files of its own and renames the result.
std::string build_module(const std::string& ptx) {
  const Options& o = options();
  const std::string base = o.cache + "/" + cache_key(ptx), library = base + ".so";
  if (access(library.c_str(), R_OK) == 0) return library;
  std::error_code error;
  fs::create_directories(o.cache, error);
  const std::string own = base + "." + std::to_string(getpid());
  std::ofstream(own + ".ptx", std::ios::binary) << ptx;

  std::vector<std::string> translate = {o.node,       "--import",  EMU_TSX, o.sources + "/translator/main.ts",
                                        own + ".ptx", own + ".cpp"};
  if (is_counting()) translate.push_back("--count");
  const std::vector<std::string> compile = {
      o.compiler, o.optimisation, "-std=c++17", "-mfma", "-ffp-contract=off", "-fno-strict-aliasing",
      "-fwrapv", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-I" + o.sources + "/runtime", "-o",
      own + ".so", own + ".cpp",
      // The runtime lies in this library, which is loaded already and found by its name.
      library_path()};
  const bool ok = execute(translate, own + ".log") && execute(compile, own + ".log");
  const std::string log = read_file(own + ".log");
  if (!log.empty())
    std::fprintf(stderr, "emu: translating PTX: %s%s", log.c_str(), log.back() == '\n' ? "" : "\n");
  for (auto part : {".ptx", ".cpp", ".log"}) {
    if (ok && !o.keep) {
      fs::remove(own + part, error);
    } else {
      fs::rename(own + part, base + part, error);
    }
  }
  return ok && std::rename((own + ".so").c_str(), library.c_str()) == 0 ? library : "";
}

}  // namespace emu
