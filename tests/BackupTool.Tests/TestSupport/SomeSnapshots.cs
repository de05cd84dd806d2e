using System.Security.Cryptography;
using System.Text;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Tests.TestSupport;

/// <summary>Snapshots for decisions: their archives are nowhere.</summary>
internal static class SomeSnapshots
{
    internal static StoredSnapshot Make(DateTimeOffset time, string host, string[] labels, params ServiceSnapshot[] services)
    {
        SnapshotId.TryParseFileName($"snapshots/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{time:O} {host}")))}.json", out SnapshotId? id).Should().BeTrue();
        return new StoredSnapshot(id!.Value, new Snapshot
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = "r",
            Time = time,
            FinishedAt = time,
            Host = host,
            Labels = labels,
            Pinned = false,
            ToolVersion = "1",
            Services = services,
            Failures = [],
            Statistics = new SnapshotStatistics { ReusedEntries = 0, ReadBytes = 0, NewChunks = 0, StoredBytes = 0, Seconds = 1 },
        }, 100);
    }

    internal static ServiceSnapshot Service(string name, long bytes, long files, string quiesce = "stop", Action<ServiceSnapshot>? change = null)
    {
        var service = new ServiceSnapshot
        {
            Name = name,
            Kind = "files",
            Quiesce = quiesce,
            Copy = quiesce == "imported" ? null : "clean",
            Roots = [],
            Facts = new SortedDictionary<string, string>(StringComparer.Ordinal),
            LeftOut = [],
            Warnings = [],
            Archive = new Archive { Bytes = bytes, ContentBytes = bytes, Entries = files, Files = files, ChunkCount = 1, ChunkList = [$"{name} {bytes}"], Catalog = [] },
        };
        change?.Invoke(service);
        return service;
    }
}
