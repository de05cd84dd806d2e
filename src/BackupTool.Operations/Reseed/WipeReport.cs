using BackupTool.Operations.Backup;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite.Rows;
using BackupTool.Services.Sources.Sqlite.Salvaging;

namespace BackupTool.Operations.Reseed;

/// <summary>What could be read of a damaged database.</summary>
/// <param name="Database">Where it lived.</param>
/// <param name="Copy">Where what could be read is; null when nothing is kept, because nothing could be read or nothing was lost.</param>
/// <param name="Report">Table by table; null when nothing could be read.</param>
/// <param name="Problem">Why nothing could be read; null when something was.</param>
public sealed record SalvagedDatabase(BytePath Database, BytePath? Copy, SalvageReport? Report, string? Problem);

/// <summary>The rows that a new database was given.</summary>
/// <param name="Database">Where it lives.</param>
/// <param name="Report">Table by table.</param>
public sealed record FilledDatabase(BytePath Database, RowCopyReport Report);

/// <summary>What came of a wipe. Holds no secrets.</summary>
public sealed record WipeReport
{
    /// <summary>What was, or would be, done.</summary>
    public required WipePlan Plan { get; init; }

    /// <summary>The backup of the state before; null when none was made.</summary>
    public BackupReport? Safety { get; init; }

    /// <summary>How it ended.</summary>
    public required ReplacementOutcome Outcome { get; init; }

    /// <summary>What could be read of the wiped databases where they were damaged.</summary>
    public IReadOnlyList<SalvagedDatabase> Salvaged { get; init; } = [];

    /// <summary>The rows that came back.</summary>
    public IReadOnlyList<FilledDatabase> Filled { get; init; } = [];

    /// <summary>The plugins that came back, or stayed.</summary>
    public IReadOnlyList<ReseededPlugin> Plugins { get; init; } = [];

    /// <summary>The clients that came back.</summary>
    public IReadOnlyList<ReseededClient> Clients { get; init; } = [];

    /// <summary>The instances that came back.</summary>
    public IReadOnlyList<ReseededInstance> Instances { get; init; } = [];

    /// <summary>Databases of instances that have stayed on the disk and belong to an instance again.</summary>
    public IReadOnlyList<BytePath> Reattached { get; init; } = [];

    /// <summary>Those that belong to no instance now. They stay.</summary>
    public IReadOnlyList<BytePath> Orphaned { get; init; } = [];

    /// <summary>What did not come back though it could have: sentences.</summary>
    public IReadOnlyList<string> Losses { get; init; } = [];

    /// <summary>What by its nature does not come back, and what that means: sentences.</summary>
    public IReadOnlyList<string> NotToBeHad { get; init; } = [];

    /// <summary>What is good to know.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
