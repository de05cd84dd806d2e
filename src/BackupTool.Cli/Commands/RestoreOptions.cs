using System.CommandLine;
using BackupTool.Operations.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary>What <c>restore</c> can be told, and what of it goes together.</summary>
internal sealed class RestoreOptions
{
    internal Argument<string?> Snapshot { get; } = new("snapshot") { Description = $"Which: {SnapshotSelector.Syntax}", HelpName = "SNAPSHOT", Arity = ArgumentArity.ZeroOrOne };

    internal Option<string?> Target { get; } = new("--target", "-t") { Description = "Directory to restore into; new or empty", HelpName = "DIR" };

    internal Option<bool> InPlace { get; } = new("--in-place") { Description = "Replace the live state of the services, and start them with it" };

    internal Option<string[]> Services { get; } = new("--service", "-s") { Description = "Only this service (may be given several times) [default: every service of the snapshot]", HelpName = "NAME" };

    internal Option<string[]> Include { get; } = new("--include", "-i") { Description = "Only paths that match, such as 'plugins/*.mbp' or bot.db (may be given several times)", HelpName = "GLOB" };

    internal Option<bool> Overwrite { get; } = new("--overwrite") { Description = "With --target: restore into a directory that is not empty, replacing files of the same names" };

    internal Option<bool> NoSafety { get; } = new("--no-safety") { Description = "With --in-place: make no snapshot of the present state first; what is replaced is kept all the same" };

    internal Option<bool> NumericOwner { get; } = new("--numeric-owner") { Description = "With --in-place: give files to the numbers in the snapshot, whoever that is on this machine" };

    internal Option<bool> MapOwners { get; } = new("--map-owners") { Description = "With --in-place: give files to the users and groups of the names in the snapshot, whatever their numbers are here" };

    internal Option<bool> WithoutStopping { get; } = new("--without-stopping") { Description = "With --in-place: restore also services that have no unit; nothing is stopped for them, so no program may be using their files" };

    internal Option<bool> IgnoreVersion { get; } = new("--ignore-version") { Description = "With --in-place: restore a database though the installed program is too old for it; it may not start, and then all is undone" };

    internal Option<bool> ForgetPrevious { get; } = new("--forget-previous") { Description = "Restore nothing: remove for good what is kept of earlier restores and wipes for 'backup rollback' (of --service, or all)" };

    internal Option<bool> DryRun { get; } = new("--dry-run", "-n") { Description = "Say what would be done; change nothing" };

    internal Symbol[] All => [Snapshot, Target, InPlace, Services, Include, Overwrite, NoSafety, NumericOwner, MapOwners, WithoutStopping, IgnoreVersion, ForgetPrevious, DryRun];

    /// <exception cref="UsageException">It does not go together.</exception>
    internal void Check(CommandContext context)
    {
        bool isInPlace = context.Value(InPlace), forgets = context.Value(ForgetPrevious);
        if (forgets)
        {
            if (isInPlace || context.Value(Target) is not null || context.Value(Snapshot) is not null) throw new UsageException("--forget-previous restores nothing: give it alone, or with --service.", "Run 'backup rollback --list' to see what is kept.");
            return;
        }
        if (context.Value(Snapshot) is null) throw new UsageException("The snapshot is missing.", $"Name it: {SnapshotSelector.Syntax}; 'backup list' shows all.");
        if (isInPlace == context.Value(Target) is not null)
            throw new UsageException(isInPlace ? "Either --in-place or --target, not both." : "Where to?", "Give --target DIR for a directory, or --in-place to replace the live state.");
        if (isInPlace && context.Value(Overwrite)) throw new UsageException("--overwrite goes with --target only: --in-place replaces what is there in any case, and keeps it.", "Leave it out.");
        Option<bool>? lost = new[] { NoSafety, NumericOwner, MapOwners, WithoutStopping, IgnoreVersion }.FirstOrDefault(option => !isInPlace && context.Value(option));
        if (lost is not null) throw new UsageException($"{lost.Name} goes with --in-place only.", "Leave it out, or add --in-place.");
        if (context.Value(NumericOwner) && context.Value(MapOwners)) throw new UsageException("Either --numeric-owner or --map-owners, not both.", "The first takes the numbers of the snapshot, the second its names.");
    }
}
