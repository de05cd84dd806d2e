using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources;

namespace BackupTool.Operations.Backup;

/// <summary>What a look at a service found that is not in the backup, or not as it should be. Thread-safe.</summary>
/// <param name="tell">Told of every warning; null when somebody else will be.</param>
internal sealed class CutFindings(Action<string>? tell)
{
    private readonly List<LeftOut> _leftOut = [], _warnings = [];

    /// <summary>What was left out on purpose.</summary>
    internal LeftOut[] LeftOut => Copy(_leftOut);

    /// <summary>What is not in the backup as it should be.</summary>
    internal LeftOut[] Warnings => Copy(_warnings);

    internal void Add(SourceFinding finding)
    {
        if (finding.IsWarning) Warn(finding.Path, finding.Reason);
        else AddLeftOut(finding.Path, finding.Reason);
    }

    internal void AddLeftOut(BytePath path, string reason)
    {
        lock (_leftOut) _leftOut.Add(new LeftOut(path.ToString(), reason));
    }

    internal void Warn(BytePath path, string reason)
    {
        lock (_warnings) _warnings.Add(new LeftOut(path.ToString(), reason));
        tell?.Invoke($"{path}: {reason}");
    }

    private static LeftOut[] Copy(List<LeftOut> list)
    {
        lock (list) return [.. list];
    }
}
