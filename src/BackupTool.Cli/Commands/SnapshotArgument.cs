using System.CommandLine;
using BackupTool.Operations.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary>The argument that names a snapshot.</summary>
internal static class SnapshotArgument
{
    internal static Argument<string> Create(string name = "snapshot") => new(name) { Description = $"Which: {SnapshotSelector.Syntax}", HelpName = name.ToUpperInvariant() };
}
