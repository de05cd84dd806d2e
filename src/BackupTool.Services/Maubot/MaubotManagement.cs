using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Services.Maubot;

/// <summary>How the management interface of a maubot is reached and entered, as its config.yaml says. Read it when maubot has started: it may write its secret only then.</summary>
public sealed record MaubotManagement
{
    /// <summary>The root of the interface, with a slash at its end: <c>http://127.0.0.1:29316/_matrix/maubot/v1/</c>.</summary>
    public required Uri BaseAddress { get; init; }

    /// <summary>What signs its tokens; null while maubot has not made one yet, or keeps it from the file.</summary>
    public required SecretText? UnsharedSecret { get; init; }

    /// <summary>The administrators that have a password, by name.</summary>
    public required IReadOnlyList<string> AdminsWithPassword { get; init; }

    /// <summary>Reads a maubot's configuration.</summary>
    /// <param name="config">Its config.yaml.</param>
    /// <param name="service">The service's name, for messages.</param>
    /// <exception cref="ServiceLayoutException">It cannot be read, is not YAML, or does not say where maubot listens.</exception>
    public static MaubotManagement Read(BytePath config, string service)
    {
        YamlMapping yaml = YamlMapping.Read(config, service);
        YamlMapping? server = yaml.Mapping("server"), admins = yaml.Mapping("admins");
        string version = MaubotConfig.ReadHealth(server)?.Url.AbsoluteUri ?? throw new ServiceLayoutException(
            $"{config} does not say where maubot listens in a way that this version understands.", "See `server.hostname` and `server.port` there: an address and a number.");
        return new MaubotManagement
        {
            BaseAddress = new Uri(version[..^"version".Length]),
            UnsharedSecret = server?.Text("unshared_secret") is { Length: > 0 } secret and not "generate" ? new SecretText(secret) : null,
            AdminsWithPassword = [.. (admins?.Keys ?? []).Where(name => name != MaubotToken.Root && admins!.Text(name) is { Length: > 0 }).Order(StringComparer.Ordinal)],
        };
    }

    /// <summary>A token signed with the configuration's secret, for root.</summary>
    /// <param name="config">The file that this was read from, for the message.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="MaubotApiException">The configuration has no secret.</exception>
    public SecretText SignToken(BytePath config, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        if (UnsharedSecret is { } secret) return MaubotToken.Sign(secret, MaubotToken.Root, time.GetUtcNow());
        string admins = AdminsWithPassword.Count > 0 ? $"as {string.Join(" or ", AdminsWithPassword)}" : "for which `admins` there must list somebody first, with a password, and maubot be restarted";
        throw new MaubotApiException(MaubotFailure.Unauthorized,
            $"{config} holds no secret to sign a token with: `server.unshared_secret` is missing or still says \"generate\", which maubot replaces when it starts and may write the file.",
            $"Start maubot once so that it writes its secret, or log in with a password, {admins}.");
    }
}
