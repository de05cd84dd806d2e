using System.Text.Json;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;

namespace BackupTool.Repositories.Snapshots;

/// <summary>Which snapshots are pinned now: what <c>pins/</c> says, and where it says nothing, the snapshot's own file.</summary>
public sealed class SnapshotPins
{
    internal const string Folder = "pins/";
    private const int CurrentVersion = 1, MaxBytes = 64 << 10;
    private readonly Dictionary<string, bool> _said = [];

    private SnapshotPins()
    {
    }

    /// <summary>Files that cannot be read or understood. Their snapshots count as pinned.</summary>
    public IReadOnlyList<VerificationProblem> Unreadable { get; private init; } = [];

    /// <summary>Whether a snapshot is pinned.</summary>
    /// <param name="snapshot">It.</param>
    public bool IsPinned(StoredSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return _said.GetValueOrDefault(snapshot.Id.Hex, snapshot.Snapshot.Pinned);
    }

    /// <summary>Whether what was said of a snapshot cannot be read.</summary>
    /// <param name="id">The snapshot.</param>
    public bool IsUnreadable(SnapshotId id) => Unreadable.Any(problem => problem.FileName == NameFor(id));

    /// <summary>Reads them all.</summary>
    /// <param name="storage">The repository's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async ValueTask<SnapshotPins> ReadAsync(IStorage storage, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(storage);
        var unreadable = new List<VerificationProblem>();
        var pins = new SnapshotPins { Unreadable = unreadable };
        foreach (StoredFile file in await storage.ListAsync(Folder, cancellationToken))
        {
            if (SnapshotInName(file.Name) is not { } id) continue;
            try
            {
                pins._said[id.Hex] = Parse(await storage.ReadAllAsync(file.Name, MaxBytes, cancellationToken), id).Pinned;
            }
            catch (FileNotFoundException)
            {
                // taken back just now
            }
            catch (Exception e) when (e is JsonException or InvalidDataException or IOException)
            {
                pins._said[id.Hex] = true;
                unreadable.Add(new VerificationProblem(file.Name, e.Message));
            }
        }
        return pins;
    }

    /// <summary>Says that a snapshot is, or is not, pinned. Atomic; the caller holds a lock, so that nobody removes the snapshot meanwhile.</summary>
    /// <param name="storage">The repository's.</param>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="isPinned">Whether it is to be.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async ValueTask SetAsync(IStorage storage, StoredSnapshot snapshot, bool isPinned, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(time);
        var pin = new SnapshotPin { FormatVersion = CurrentVersion, Snapshot = snapshot.Id.Hex, Pinned = isPinned, Time = time.GetUtcNow(), Host = Environment.MachineName };
        await storage.PutAsync(NameFor(snapshot.Id), (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(pin, RepositoryJson.Default.SnapshotPin), (byte)'\n'], cancellationToken);
    }

    internal static string NameFor(SnapshotId id) => $"{Folder}{id.Hex}.json";

    internal static SnapshotId? SnapshotInName(string name) =>
        name.StartsWith(Folder, StringComparison.Ordinal) && SnapshotId.TryParseFileName($"{SnapshotId.Folder}{name[Folder.Length..]}", out SnapshotId? id) ? id : null;

    internal static SnapshotPin Parse(byte[] content, SnapshotId id)
    {
        SnapshotPin pin = JsonSerializer.Deserialize(content, RepositoryJson.Default.SnapshotPin) ?? throw new JsonException("null");
        if (pin.FormatVersion != CurrentVersion) throw new JsonException($"it has format {pin.FormatVersion}");
        return pin.Snapshot == id.Hex ? pin : throw new InvalidDataException($"it speaks of the snapshot {pin.Snapshot}");
    }
}
