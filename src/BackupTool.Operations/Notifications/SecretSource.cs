using System.Text;
using System.Text.Unicode;
using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Notifications;

/// <summary>Where a secret is: a file, or a credential that systemd provides. It is read each time it is needed, so that a new one needs no restart.</summary>
public sealed record SecretSource
{
    private const int MaxBytes = 4096;

    /// <summary>What it is a secret for: <c>token</c>, <c>url</c>, <c>signing-key</c>. The keys in the file are this with <c>-file</c> or <c>-credential</c>.</summary>
    public required string Stem { get; init; }

    /// <summary>The file, absolute; null for a credential.</summary>
    public BytePath? File { get; init; }

    /// <summary>The name of the credential; null for a file.</summary>
    public string? Credential { get; init; }

    /// <summary>What is read; null for a credential when systemd provides none to this process.</summary>
    public BytePath? Path { get; init; }

    /// <summary>Where the configuration says so.</summary>
    public required TextPlace Place { get; init; }

    /// <summary>The key as it stands in the configuration.</summary>
    public string Key => File is null ? $"{Stem}-credential" : $"{Stem}-file";

    /// <summary>Reads the secret: one line of text.</summary>
    /// <exception cref="NotifyException">It cannot be read, or is no secret; the message does not quote it.</exception>
    internal SecretText Read()
    {
        if (Path is not { } path)
            throw new NotifyException($"the credential {Credential} of `{Key}` is not known, because $CREDENTIALS_DIRECTORY is not set", $"Only systemd sets it: run this by its unit with LoadCredential={Credential}:/path, or use `{Stem}-file`.");
        byte[] content;
        try
        {
            content = PosixFile.ReadAllFollowing(path, MaxBytes);
        }
        catch (PosixException e)
        {
            throw new NotifyException(e.IsNotFound ? $"the file {path} of `{Key}` does not exist" : $"the file {path} of `{Key}` cannot be read: {e.Message}",
                !e.IsNotFound ? "Run as root, or let the account that runs the backup read it."
                : File is null ? $"Give the unit LoadCredential={Credential}:/path." : "Write the secret into it, alone, and chmod 600 it.");
        }
        string text = Utf8.IsValid(content) ? Encoding.UTF8.GetString(content).Trim('\r', '\n', ' ', '\t') : "\n";
        if (Stem == "token" && text.Any(static c => c > '~') && !text.Any(char.IsControl)) throw new NotifyException($"the file {path} of `{Key}` is no token: it holds characters that cannot be sent", "A token is of ASCII characters.");
        if (text.Length > 0 && !text.Any(char.IsControl)) return new SecretText(text);
        throw new NotifyException($"the file {path} of `{Key}` {(text.Length == 0 ? "is empty" : "is not one line of text")}", "It holds the secret alone.");
    }

    /// <summary>Its permission bits when others than its owner may read it; null when they may not.</summary>
    /// <exception cref="PosixException">It cannot be looked at.</exception>
    internal uint? FindOpenMode() =>
        File is { } file && PosixFile.TryGetStatusFollowing(file, out FileStatus status) && (status.Mode & 0b000_111_111) != 0 ? status.Mode & 0xFFF : null;
}

/// <summary>Something is not as it must be to tell anybody.</summary>
internal sealed class NotifyException(string message, string? hint = null) : ExplainedException(message, hint);
