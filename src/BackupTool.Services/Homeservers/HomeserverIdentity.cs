using System.Text.Json;
using BackupTool.Services.Health;

namespace BackupTool.Services.Homeservers;

/// <summary>
/// Which server a homeserver is to all others, as it says itself while it runs. A database that is empty or another's gives a server that is just as healthy, but has other signing keys.
/// </summary>
/// <param name="SigningKeys">The ids of the keys that it signs with, sorted: <c>ed25519:abc</c>. Empty when it does not tell.</param>
/// <param name="Version">Name and version of the program, <c>Continuwuity 0.5.0</c>; null when it does not tell.</param>
/// <param name="Problem">Why something is not told, as the end of a sentence; null when all is.</param>
public sealed record HomeserverIdentity(IReadOnlyList<string> SigningKeys, string? Version, string? Problem)
{
    private const string KeyPath = "/_matrix/key/v2/server", VersionPath = "/_matrix/federation/v1/version";
    private const int LongestText = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Where a server is asked that a health probe asks: null when that is not HTTP.</summary>
    public static Uri? BaseOf(HealthProbe? probe) => probe is HttpProbe http ? new Uri(http.Url.GetLeftPart(UriPartial.Authority)) : null;

    /// <summary>
    /// Asks both at once, at most 2 s. Whatever goes wrong is in <see cref="Problem"/>: a server need not serve federation where it serves its clients.
    /// </summary>
    /// <param name="baseUrl">http or https, host and port; its path is not used.</param>
    /// <param name="time">Measures the time limit.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<HomeserverIdentity> AskAsync(Uri baseUrl, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(baseUrl);
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        Task<(string[]? Found, string? Problem)> keys = AskAsync(baseUrl, KeyPath, ReadKeys, either.Token), version = AskAsync(baseUrl, VersionPath, ReadVersion, either.Token);
        await Task.WhenAll(keys, version);
        cancellationToken.ThrowIfCancellationRequested();
        string[] problems = [.. new[] { (await keys).Problem, (await version).Problem }.OfType<string>().Distinct()];
        return new HomeserverIdentity((await keys).Found ?? [], (await version).Found?[0], problems.Length == 0 ? null : string.Join("; ", problems));
    }

    private static async Task<(string[]? Found, string? Problem)> AskAsync(Uri baseUrl, string path, Func<JsonElement, string[]?> read, CancellationToken cancellationToken)
    {
        var probe = new HttpProbe(new Uri(baseUrl, path), [200]);
        try
        {
            (int code, byte[] body) = await DirectHttp.GetAsync(probe.Url, cancellationToken);
            if (code != 200) return (null, $"HTTP {code} from {probe.Shown}");
            using JsonDocument document = JsonDocument.Parse(body);
            return read(document.RootElement) is { } found ? (found, null) : (null, $"{probe.Shown} does not answer as a homeserver does");
        }
        catch (JsonException)
        {
            return (null, $"{probe.Shown} does not answer as a homeserver does");
        }
        catch (OperationCanceledException)
        {
            return (null, $"no answer from {probe.Shown} in time");
        }
        catch (HttpRequestException e)
        {
            return (null, DirectHttp.Explain(e, probe));
        }
        catch (IOException)
        {
            return (null, $"{probe.Shown} broke off its answer");
        }
    }

    /// <summary>The names in <c>verify_keys</c>; those that it no longer signs with are in <c>old_verify_keys</c>.</summary>
    private static string[]? ReadKeys(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("verify_keys", out JsonElement keys) || keys.ValueKind != JsonValueKind.Object) return null;
        string[] ids = [.. keys.EnumerateObject().Select(static key => key.Name).Where(IsPlain).Order(StringComparer.Ordinal)];
        return ids.Length > 0 ? ids : null;
    }

    private static string[]? ReadVersion(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("server", out JsonElement server) || server.ValueKind != JsonValueKind.Object) return null;
        string[] said = [Text(server, "name"), Text(server, "version")];
        return Array.TrueForAll(said, static text => text.Length == 0) ? null : [string.Join(' ', said).Trim()];
    }

    private static string Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && value.GetString() is { } text && IsPlain(text) ? text : "";

    private static bool IsPlain(string text) => text.Length is > 0 and <= LongestText && !text.Any(char.IsControl);
}
