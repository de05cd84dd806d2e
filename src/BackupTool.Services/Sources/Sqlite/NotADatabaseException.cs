using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A file that begins as a SQLite database does is none that SQLite can open: cut short, made up, or beyond the paths that it takes.</summary>
public sealed class NotADatabaseException(BytePath path, string problem)
    : ExplainedException($"{path} cannot be opened: {problem}.", "See what it is; `exclude` it when it is worth nothing.");
