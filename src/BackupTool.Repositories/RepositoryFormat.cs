using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories;

/// <summary><c>repository.json</c>: what a repository is. Written once, at init, after everything else: where it is, there is a repository.</summary>
public sealed record RepositoryFormat
{
    internal const string FileName = "repository.json", ChecksumsFileName = "SHA256SUMS";
    private const int CurrentVersion = 1, MaxBytes = 1 << 20;

    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>32 random hexadecimal digits: tells copies of one repository from other repositories.</summary>
    public required string Id { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The version of this tool that made it.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>How archives are cut.</summary>
    public required ChunkingParameters Chunking { get; init; }

    /// <summary>age recipients to whom packs and snapshots are sealed; empty in a repository that is not sealed.</summary>
    public required string[] Recipients { get; init; }

    internal static RepositoryFormat CreateNew(TimeProvider time, string toolVersion) => new()
    {
        FormatVersion = CurrentVersion,
        Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
        CreatedAt = time.GetUtcNow(),
        ToolVersion = toolVersion,
        Chunking = ChunkingParameters.Default,
        Recipients = [],
    };

    internal byte[] Serialize() => [.. JsonSerializer.SerializeToUtf8Bytes(this, RepositoryJson.Default.RepositoryFormat), (byte)'\n'];

    internal static async ValueTask<RepositoryFormat> ReadAsync(IStorage storage, CancellationToken cancellationToken)
    {
        if (await storage.GetSizeAsync(FileName, cancellationToken) is null)
        {
            throw new RepositoryNotFoundException($"There is no repository at {storage.Description} (it has no {FileName}).",
                "Check the path and that the disk is mounted; run 'backup init' to create a repository there.");
        }
        byte[] content = await ReadFileAsync(storage, cancellationToken);
        // The version first: a newer format may have members that this version would take for damage.
        int version = ReadVersion(content);
        if (version != CurrentVersion) await CheckAsync(storage, content, cancellationToken);
        if (version != CurrentVersion) throw new UnsupportedFormatException($"The repository at {storage.Description} has format {version}; this version reads format {CurrentVersion}.");
        RepositoryFormat format = Parse(content);
        if (format.Id.Length != 32 || !format.Id.All(char.IsAsciiHexDigitLower)) throw new RepositoryDamagedException(FileName, "its id is malformed");
        if (format.Chunking.FindProblem() is { } problem) throw new RepositoryDamagedException(FileName, problem);
        if (format.Recipients.Length > 0) throw new UnsupportedFormatException($"The repository at {storage.Description} is sealed; this version cannot open sealed repositories.");
        return format;
    }

    private static async ValueTask<byte[]> ReadFileAsync(IStorage storage, CancellationToken cancellationToken)
    {
        try
        {
            return await storage.ReadAllAsync(FileName, MaxBytes, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new RepositoryDamagedException(FileName, e.Message, innerException: e);
        }
    }

    private static int ReadVersion(byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return document.RootElement.GetProperty("formatVersion").GetInt32();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new RepositoryDamagedException(FileName, "it is not readable as JSON with a formatVersion", innerException: e);
        }
    }

    private static RepositoryFormat Parse(byte[] content)
    {
        try
        {
            return JsonSerializer.Deserialize(content, RepositoryJson.Default.RepositoryFormat) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new RepositoryDamagedException(FileName, e.Message, innerException: e);
        }
    }

    /// <summary>The lines of <c>SHA256SUMS</c>, as <c>sha256sum -c</c> reads them, for the files whose names cannot be their digest.</summary>
    internal static byte[] Checksums(IEnumerable<(string Name, byte[] Content)> files) =>
        Encoding.ASCII.GetBytes(string.Concat(files.Select(static f => ChecksumLine(f.Name, f.Content))));

    private static string ChecksumLine(string name, byte[] content) => $"{Convert.ToHexStringLower(SHA256.HashData(content))}  {name}\n";

    /// <summary>Whether <c>SHA256SUMS</c> says of a file what is true.</summary>
    internal static bool Agrees(ReadOnlySpan<byte> sums, string name, byte[] content) =>
        Encoding.Latin1.GetString(sums).Contains(ChecksumLine(name, content), StringComparison.Ordinal);

    internal static RepositoryDamagedException Disagreement(string name) =>
        new(name, $"its SHA-256 is not the one in {ChecksumsFileName}: one of the two is damaged");

    private static async ValueTask CheckAsync(IStorage storage, byte[] content, CancellationToken cancellationToken)
    {
        if (await storage.GetSizeAsync(ChecksumsFileName, cancellationToken) is not <= MaxBytes) return;
        if (!Agrees(await storage.ReadAllAsync(ChecksumsFileName, MaxBytes, cancellationToken), FileName, content)) throw Disagreement(FileName);
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, UseStringEnumConverter = true, NewLine = "\n",
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(RepositoryFormat))]
[JsonSerializable(typeof(Snapshots.Snapshot))]
[JsonSerializable(typeof(Locking.LockContent))]
[JsonSerializable(typeof(Verification.Evidence))]
[JsonSerializable(typeof(Snapshots.SnapshotPin))]
[JsonSerializable(typeof(Pruning.PackMark))]
internal sealed partial class RepositoryJson : JsonSerializerContext;
