using System.Text.Json;
using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Services.Profiles.Toml;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>The passwords of the accounts that are to be logged in anew, by user id. Shows no secrets.</summary>
public sealed class ClientPasswords
{
    private const int MaxBytes = 1 << 20;
    private const string Form = "Write one line for each account, \"@bot:example.org\" = \"its password\", or a JSON object of such pairs.";

    private readonly SortedDictionary<string, SecretText> _passwords = new(StringComparer.Ordinal);

    /// <param name="passwords">By user id.</param>
    public ClientPasswords(IEnumerable<KeyValuePair<string, SecretText>> passwords)
    {
        ArgumentNullException.ThrowIfNull(passwords);
        foreach ((string user, SecretText password) in passwords) _passwords[user] = password;
    }

    /// <summary>The user ids.</summary>
    public IReadOnlyCollection<string> Users => _passwords.Keys;

    /// <summary>The password of an account; null when there is none.</summary>
    public SecretText? Find(string userId) => _passwords.GetValueOrDefault(userId);

    /// <summary>
    /// Reads a file of passwords: TOML (<c>"@bot:example.org" = "password"</c>), or JSON when it begins with a brace. It must be root's or ours, and no one else may read or write it.
    /// </summary>
    /// <exception cref="OperationException">Somebody else may read it, or it is not of that form. What is in it is never quoted.</exception>
    /// <exception cref="PosixException">It cannot be read.</exception>
    public static ClientPasswords Read(BytePath file)
    {
        byte[] content = ReadGuarded(file);
        int first = content.AsSpan().IndexOfAnyExcept(" \t\r\n"u8);
        IEnumerable<KeyValuePair<string, SecretText>> pairs = first >= 0 && content[first] == '{' ? ReadJson(content, file) : ReadToml(content, file);
        return new ClientPasswords(pairs.Select(pair => pair.Key is ['@', .., _] && pair.Key.Contains(':', StringComparison.Ordinal) ? pair
            : throw new OperationException($"A key in {file} is no user id.", Form)));
    }

    private static byte[] ReadGuarded(BytePath file)
    {
        using SafeFileHandle handle = PosixFile.OpenFollowing(file);
        FileStatus status = PosixFile.GetStatus(handle, file);
        if (status.Kind != FileKind.Regular) throw new OperationException($"{file} is not a file.", Form);
        if (status.Uid != 0 && status.Uid != SystemUser.Current.Uid)
            throw new OperationException($"{file} holds passwords and belongs to user {status.Uid}.", $"Make it root's alone: chown root {file}; chmod 600 {file}.");
        if ((status.Mode & 0x3f) != 0)
            throw new OperationException($"{file} holds passwords, and others than its owner may read or change it (mode {Convert.ToString(status.Mode, 8)}).", $"chmod 600 {file}, and change the passwords if somebody may have read them.");
        if (status.Size > MaxBytes) throw new OperationException($"{file} has {status.Size} bytes, where a list of passwords has at most {MaxBytes}.", Form);
        var content = new byte[(int)status.Size];
        int length = PosixFile.ReadFully(handle, content, 0, file);
        return content[..length];
    }

    private static List<KeyValuePair<string, SecretText>> ReadJson(byte[] content, BytePath file)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return [.. document.RootElement.EnumerateObject().Select(pair => KeyValuePair.Create(pair.Name, new SecretText(pair.Value.ValueKind == JsonValueKind.String ? pair.Value.GetString()!
                : throw new OperationException($"The password of a user in {file} is not a text.", Form))))];
        }
        catch (JsonException e)
        {
            throw new OperationException($"{file} is not JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.", Form);
        }
    }

    private static List<KeyValuePair<string, SecretText>> ReadToml(byte[] content, BytePath file)
    {
        TomlDocument document = TomlDocument.Parse(content);
        if (document.Problems is [var problem, ..]) throw new OperationException($"{file} is not TOML at line {problem.Place.Line}, column {problem.Place.Column}.", Form);
        return [.. document.Root.Entries.Select(entry => KeyValuePair.Create(entry.Key, new SecretText(entry.Value is TomlText text ? text.Value
            : throw new OperationException($"{file}:{entry.KeyPlace.Line}: the value is not a text.", Form))))];
    }
}
