using System.Globalization;
using BackupTool.Operations.Backup;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Sanity;

/// <summary>Looks at what was stored of each service before it is committed: what is dubious becomes a warning of the run, and the snapshot says so for good.</summary>
internal sealed class ServiceSanity(OpenedRepository opened, IServiceManager manager, IProgressObserver progress, TimeProvider time)
{
    /// <summary>Notes in the facts, and in the findings, what is to be said of a service.</summary>
    internal async Task CheckAsync(BackupRequest request, OpenCut open, Archive archive, CancellationToken cancellationToken)
    {
        ServiceCut cut = open.Cut;
        SortedDictionary<string, string> facts = cut.Facts;
        foreach ((BytePath database, long bytes) in cut.DatabaseBytes) facts[SanityFacts.KeyOfBytes(database)] = bytes.ToString(CultureInfo.InvariantCulture);
        foreach (BytePath database in cut.DamagedDatabases) facts[SanityFacts.KeyOfDamage(database)] = "when it was stored";
        Judge(request, open, new ServiceSize(archive.ContentBytes, archive.Files, cut.DatabaseBytes.ToDictionary(static known => known.Key.ToString(), static known => known.Value)));
        if (open.ParentSnapshot is not { } parent || SanityCheck.UnchangedSince(cut.Parent, parent.Snapshot.Time, archive) is not { } since) return;
        facts[SanityFacts.UnchangedSince] = since.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
        if (SanityCheck.IsStill(open.Settings.Sanity, since, time.GetUtcNow()) && open.Settings.Unit is { } unit && await RanAsync(open, unit, cancellationToken)) Warn(cut, SanityCheck.Still(since, unit));
    }

    private void Judge(BackupRequest request, OpenCut open, ServiceSize size)
    {
        // What is kept of a broken state before it is replaced is compared with nothing: that it is broken is known.
        ServicePast past = request.AcceptsDamage ? ServicePast.None : ServicePast.Of(opened.Snapshots, Environment.MachineName, open.Settings.Name);
        SanityFinding?[] judged = [SanityCheck.JudgeSize(open.Settings.Sanity, past, size), SanityCheck.JudgeDamage(open.Settings.Sanity, past, open.Cut.DamagedDatabases.Select(static path => path.ToString()))];
        SanityFinding[] findings = [.. judged.OfType<SanityFinding>()];
        if (findings.Length == 0) return;
        if (request.AcceptsSuspicious && size is { Files: > 0, Bytes: > 0 })
        {
            open.Cut.Facts[SanityFacts.Accepted] = "as meant";
            progress.Message($"{open.Settings.Name}: accepted as it is: from now on it is compared with what it is now");
            return;
        }
        if (findings.Where(static finding => finding.IsSuspicious).Select(static finding => finding.Reason).ToArray() is { Length: > 0 } reasons) open.Cut.Facts[SanityFacts.Suspicious] = string.Join("; it ", reasons);
        foreach (SanityFinding finding in findings) Warn(open.Cut, finding);
    }

    /// <summary>Whether the service was up when it was cut.</summary>
    private async Task<bool> RanAsync(OpenCut open, string unit, CancellationToken cancellationToken)
    {
        if (open.Copy != "online") return open.Copy != "inactive";
        try
        {
            return (await manager.DescribeAsync([unit], cancellationToken))[0].IsActive;
        }
        catch (ServiceManagerException e)
        {
            progress.Message($"{open.Settings.Name}: nothing of it has changed for long; whether {unit} is active cannot be asked: {e.Message}");
            return false;
        }
    }

    private static void Warn(ServiceCut cut, SanityFinding finding) => cut.Findings.Warn(cut.Layout.Roots.FirstOrDefault(BytePath.From("/")), finding.Advice is null ? finding.Reason : $"{finding.Reason}. {finding.Advice}");
}
