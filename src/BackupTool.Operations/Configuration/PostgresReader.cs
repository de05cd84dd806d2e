using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Profiles.Toml;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads <c>postgres</c> and <c>databases</c> of a service, and the password where it says.</summary>
/// <param name="problems">Told what is wrong; never a password.</param>
/// <param name="credentialsDirectory">$CREDENTIALS_DIRECTORY as systemd sets it; null when it is not set.</param>
internal sealed class PostgresReader(ProblemList problems, string? credentialsDirectory)
{
    private const int MaxPasswordBytes = 4096;
    private const string Shape = "{ host = \"/run/postgresql\", port = 5432, role = \"…\", system-user = \"postgres\", password-file = \"/path\" }";
    private static readonly string[] KindsWithDatabases = ["postgres", "mautrix", "synapse", "forgejo", "maubot"];

    internal PostgresOverride? Read(TableReader service, string? kind, string name)
    {
        if (service.Entry("postgres") is not { } entry) return null;
        if (kind is not null && !KindsWithDatabases.Contains(ServiceProfiles.For(kind)?.Kind))
            problems.Add(entry.KeyPlace, $"`postgres` in {name} is for the kinds {string.Join(", ", KindsWithDatabases)} only", "Remove it.");
        if (service.Table("postgres", Shape) is not { } reader) return null;
        var settings = new PostgresOverride
        {
            Host = ReadHost(reader, name),
            Port = reader.Integer("port", 1, 65535),
            Role = reader.Text("role"),
            SystemUser = reader.Text("system-user"),
            PasswordFile = reader.Path("password-file"),
            PasswordCredential = ReadCredentialName(reader, name),
        };
        reader.RefuseOtherKeys();
        return settings with { Password = ReadPassword(settings, reader, name) };
    }

    internal IReadOnlyList<string> ReadDatabases(TableReader service, string? kind, string name)
    {
        IReadOnlyList<(string Text, TextPlace Place)> databases = service.Texts("databases");
        if (service.Entry("databases") is not { } entry) return [];
        if (kind is not null && !IsPostgres(kind))
            problems.Add(entry.KeyPlace, $"`databases` in {name} is for the kind `postgres` only", "Remove it: the service's own configuration names its database.");
        else if (entry.Value is TomlArray { Items.Count: 0 })
            problems.Add(entry.Value.Place, $"`databases` in {name} is empty", "Name at least one, or remove the line to have all but the templates dumped.");
        return [.. databases.Select(static item => item.Text).Distinct()];
    }

    /// <summary>Whether a kind, by any of its names, is a PostgreSQL server.</summary>
    internal static bool IsPostgres(string? kind) => kind is not null && ServiceProfiles.For(kind)?.Kind == "postgres";

    private string? ReadHost(TableReader reader, string name)
    {
        if (reader.Text("host") is not { } host) return null;
        TextPlace place = reader.Entry("host")!.Value.Place;
        if (host[0] == '/' ? host.Split('/').Any(static part => part is "." or "..") : Uri.CheckHostName(host) == UriHostNameType.Unknown)
        {
            problems.Add(place, $"`host` of `postgres` in {name} is `{host}`, which is neither a host nor the directory of a socket", "Write it like \"127.0.0.1\" or \"/run/postgresql\"; the port has a key of its own.");
            return null;
        }
        return host;
    }

    private string? ReadCredentialName(TableReader reader, string name)
    {
        if (reader.Text("password-credential") is not { } credential) return null;
        TomlEntry entry = reader.Entry("password-credential")!;
        if (reader.Entry("password-file") is not null)
            problems.Add(entry.KeyPlace, $"`postgres` in {name} has both `password-file` and `password-credential`", "Keep one of them.");
        if (credential is not ("." or "..") && credential.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')) return credential;
        problems.Add(entry.Value.Place, $"`password-credential` of `postgres` in {name} is `{credential}`, which is no name of a credential", "Write the name before the colon in LoadCredential=.");
        return null;
    }

    private PostgresPassword? ReadPassword(PostgresOverride settings, TableReader reader, string name)
    {
        if (settings.PasswordFile is { } file) return ReadPassword(file, reader.Entry("password-file")!.Value.Place, name, "Write the password into it, alone, and chmod 600 it.", problems.Add);
        if (settings.PasswordCredential is not { } credential) return null;
        TextPlace place = reader.Entry("password-credential")!.Value.Place;
        if (credentialsDirectory is ['/', ..])
            return ReadPassword(BytePath.From(credentialsDirectory).Combine(credential), place, name, $"Give the unit that runs the backup LoadCredential={credential}:/path.", problems.Warn);
        // A restore by hand must not fail for want of what only a backup needs; nor at night the other services' backup, where the secret is not there.
        problems.Warn(place, $"`password-credential` in {name}: $CREDENTIALS_DIRECTORY is not set, so the password is not known", "Only systemd sets it: start the backup by its unit, or use `password-file`.");
        return null;
    }

    private PostgresPassword? ReadPassword(BytePath file, TextPlace place, string name, string wayOut, Action<TextPlace, string, string?> tell)
    {
        byte[] content;
        try
        {
            content = PosixFile.ReadAllFollowing(file, MaxPasswordBytes);
        }
        catch (PosixException e)
        {
            tell(place, e.IsNotFound ? $"the password file {file} of {name} does not exist" : $"the password file {file} of {name} cannot be read: {e.Message}", e.IsNotFound ? wayOut : "Run as root, or let the account that runs the backup read it.");
            return null;
        }
        if (PosixFile.TryGetStatusFollowing(file, out FileStatus status) && (status.Mode & 0b000_111_111) != 0)
            problems.Warn(place, $"the password file {file} of {name} is open to others (mode {Convert.ToString(status.Mode & 0xFFF, 8)})", $"Close it: chmod 600 {file}");
        string text = System.Text.Unicode.Utf8.IsValid(content) ? Encoding.UTF8.GetString(content).TrimEnd('\r', '\n') : "\n";
        if (text.Length > 0 && !text.Any(char.IsControl)) return new PostgresPassword(text);
        tell(place, $"the password file {file} of {name} {(text.Length == 0 ? "is empty" : "is not one line of text")}", "It holds the password alone, not a .pgpass line.");
        return null;
    }
}
