using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Installation;

/// <summary>What was installed, as <c>installed.json</c> in the state directory says it: what may be changed and removed again. A change to this shape is a new <see cref="FormatVersion"/>.</summary>
public sealed record InstallRecord
{
    internal const int CurrentVersion = 1;
    private const int MaxBytes = 1 << 20;
    private const string FileName = "installed.json";

    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>Who starts the runs.</summary>
    public required InstallMode Mode { get; init; }

    /// <summary>What the units run.</summary>
    public required string Program { get; init; }

    /// <summary>Secrets that the units are handed.</summary>
    public required InstalledCredential[] Credentials { get; init; }

    /// <summary>The files.</summary>
    public required InstalledFile[] Files { get; init; }

    /// <summary>The units that were enabled.</summary>
    public required string[] Enabled { get; init; }

    /// <summary>Reads it; null when nothing was installed.</summary>
    /// <exception cref="OperationException">It is not one of this version.</exception>
    /// <exception cref="PosixException">It cannot be read.</exception>
    public static InstallRecord? Read(BytePath stateDirectory)
    {
        BytePath file = stateDirectory.Combine(FileName);
        if (!PosixFile.TryGetStatusFollowing(file, out _)) return null;
        string problem;
        try
        {
            InstallRecord? record = JsonSerializer.Deserialize(PosixFile.ReadAllFollowing(file, MaxBytes), InstallJson.Default.InstallRecord);
            if (record?.FormatVersion == CurrentVersion) return record;
            problem = record is null ? "it is null" : $"it has format {record.FormatVersion}, and this version reads {CurrentVersion}";
        }
        catch (JsonException e)
        {
            problem = e.Message;
        }
        throw new OperationException($"{file} cannot be read: {problem}", "It says which unit files were installed. Move it away, and run 'backup install --force'.");
    }

    /// <summary>Publishes it: it is on the disk when this returns.</summary>
    /// <exception cref="PosixException">It cannot be written.</exception>
    internal void Write(BytePath stateDirectory)
    {
        StateDirectory.Make(stateDirectory);
        WholeUnitFile.Write(stateDirectory.Combine(FileName), [.. JsonSerializer.SerializeToUtf8Bytes(this, InstallJson.Default.InstallRecord), (byte)'\n'], 0x180 /* 0600 */);
    }

    /// <summary>Removes it.</summary>
    internal static void Remove(BytePath stateDirectory) => WholeUnitFile.Remove(stateDirectory.Combine(FileName));

    /// <summary>Whether a file has something in it that we wrote.</summary>
    internal bool IsOurs(string path, byte[] content) => Files.FirstOrDefault(file => file.Path == path)?.Sha256.Contains(HashOf(content)) ?? false;

    internal static string HashOf(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}

/// <summary>A file that was installed.</summary>
/// <param name="Path">Absolute, as systemd sees it.</param>
/// <param name="Sha256">What it may hold that is ours: one hash; while it is being changed, two.</param>
public sealed record InstalledFile(string Path, string[] Sha256);

/// <summary>Small files that are there whole or not.</summary>
internal static class WholeUnitFile
{
    private const int MaxBytes = 1 << 20;

    /// <summary>What is in it; null when it is not there.</summary>
    internal static byte[]? Read(BytePath path) => PosixFile.TryGetStatusFollowing(path, out _) ? PosixFile.ReadAllFollowing(path, MaxBytes) : null;

    internal static void Write(BytePath path, byte[] content, uint mode)
    {
        using PosixDirectory directory = PosixDirectory.Open(path.Parent);
        BytePath unfinished = new([.. path.Name.Bytes, .. ".new"u8]);
        directory.RemoveTree(unfinished);
        using (SafeFileHandle file = directory.CreateFile(unfinished))
        {
            PosixFile.WriteFully(file, content, 0, unfinished);
            PosixFile.SetMode(file, mode, unfinished);
            PosixFile.Flush(file, unfinished);
        }
        directory.Rename(unfinished, directory, path.Name);
        directory.Flush();
    }

    internal static void Remove(BytePath path)
    {
        using PosixDirectory directory = PosixDirectory.Open(path.Parent);
        if (!directory.TryGetStatus(path.Name, out _)) return;
        directory.RemoveFile(path.Name);
        directory.Flush();
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, UseStringEnumConverter = true, NewLine = "\n",
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(InstallRecord))]
internal sealed partial class InstallJson : JsonSerializerContext;
