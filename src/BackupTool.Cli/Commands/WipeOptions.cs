using System.CommandLine;
using BackupTool.Operations.Reseed;
using BackupTool.Operations.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary>What <c>wipe</c> can be told, and what of it goes together.</summary>
internal sealed class WipeOptions
{
    internal const string Salvaged = "salvaged";

    internal Argument<string> Service { get; } = new("service") { Description = "The service whose databases are wiped", HelpName = "SERVICE" };

    internal Option<string?> Reseed { get; } = new("--reseed")
    {
        Description = "What the new databases are filled with. none: nothing. rows: the rows of a snapshot, in the schema that the program makes (SQLite). "
            + "api: plugins, clients and instances of a snapshot, through maubot's management interface. snapshot: restore a snapshot in place",
        HelpName = "none|api|rows|snapshot",
    };

    internal Option<string?> Snapshot { get; } = new("--snapshot")
    {
        Description = $"From which: {SnapshotSelector.Syntax} [default: the newest that has the databases undamaged]; with --reseed rows also '{Salvaged}': what can still be read of the wiped databases",
        HelpName = "SNAPSHOT",
    };

    internal Option<string?> FreshDevices { get; } = new("--fresh-devices")
    {
        Description = "With --reseed api: log in anew, as new devices, the clients whose passwords are in this file (lines \"@bot:example.org\" = \"password\"; mode 0600): for bots in encrypted rooms",
        HelpName = "FILE",
    };

    internal Option<bool> Yes { get; } = new("--yes", "-y") { Description = "Do not ask to type the service's name: for scripts" };

    internal Option<bool> NoSafety { get; } = new("--no-safety") { Description = "Make no snapshot of the present state first; what is moved away is kept all the same" };

    internal Option<bool> DryRun { get; } = new("--dry-run", "-n") { Description = "Say what would be done; change nothing, and ask nothing" };

    internal Symbol[] All => [Service, Reseed, Snapshot, FreshDevices, Yes, NoSafety, DryRun];

    /// <summary>How it is filled.</summary>
    /// <exception cref="UsageException">It is not said, or other options do not go with it.</exception>
    internal ReseedMethod Check(CommandContext context)
    {
        ReseedMethod method = context.Value(Reseed) switch
        {
            "none" => ReseedMethod.None,
            "api" => ReseedMethod.Api,
            "rows" => ReseedMethod.Rows,
            "snapshot" => ReseedMethod.Snapshot,
            null => throw new UsageException("What the new databases are to be filled with is not said.", "Give --reseed none, api, rows or snapshot; 'backup wipe --help' tells them apart."),
            { } other => throw new UsageException($"--reseed {other} is not known.", "Give none, api, rows or snapshot."),
        };
        if (method == ReseedMethod.None && context.Value(Snapshot) is not null) throw new UsageException("--reseed none takes nothing from a snapshot.", "Leave --snapshot out, or give --reseed rows, api or snapshot.");
        if (context.Value(Snapshot) == Salvaged && method != ReseedMethod.Rows) throw new UsageException("What was salvaged goes with --reseed rows only.", "Name a snapshot, or leave --snapshot out.");
        if (context.Value(FreshDevices) is not null && method != ReseedMethod.Api) throw new UsageException("--fresh-devices goes with --reseed api only.", "Leave it out.");
        return method;
    }
}
