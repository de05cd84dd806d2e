using System.Globalization;
using System.Net;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Maubot;

/// <summary>
/// Speaks maubot's management interface (<c>/_matrix/maubot/v1</c>, maubot 0.2 to 0.6; its source is management/api). Every request may be repeated: repeating one that was fulfilled
/// changes nothing. Requests that find nobody listening, or that maubot fails at, are repeated a few times.
/// </summary>
public sealed class MaubotApi : IDisposable
{
    private readonly JsonWire _wire;
    private readonly MaubotPatience _patience;

    /// <param name="baseAddress">As <see cref="MaubotManagement.BaseAddress"/>, with a slash at its end.</param>
    /// <param name="time">The clock.</param>
    /// <param name="patience">Null for the usual.</param>
    public MaubotApi(Uri baseAddress, TimeProvider time, MaubotPatience? patience = null)
    {
        _patience = patience ?? new MaubotPatience();
        _wire = new JsonWire("maubot", baseAddress, _patience, time);
    }

    /// <summary>Uses a token that is at hand, like one of <see cref="MaubotManagement.SignToken"/>. Whether maubot takes it, the next request tells.</summary>
    public void UseToken(SecretText token)
    {
        ArgumentNullException.ThrowIfNull(token);
        _wire.Hide(token);
        _wire.Token = token;
    }

    /// <summary>Logs in as an administrator who has a password.</summary>
    /// <exception cref="MaubotApiException">It was not taken, or maubot does not answer.</exception>
    public async Task LogInAsync(string user, SecretText password, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(password);
        _wire.Hide(password);
        string doing = $"log in at maubot as {user}";
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Post, "auth/login", JsonWire.Json(new LoginRequest(user, password.Reveal()), MaubotJson.Default.LoginRequest), cancellationToken);
        UseToken(new SecretText(_wire.Parse(doing, body, MaubotJson.Default.LoginAnswer).Token ?? throw Unexpected(doing)));
    }

    /// <summary>The plugins, clients and instances that maubot has, and how they are.</summary>
    /// <exception cref="MaubotApiException">It does not answer, or not to us.</exception>
    public async Task<MaubotInventory> ReadInventoryAsync(CancellationToken cancellationToken) =>
        new(await ListPluginsAsync(cancellationToken), await ListClientsAsync(cancellationToken), await ListInstancesAsync(cancellationToken));

    /// <summary>The plugins that maubot has loaded.</summary>
    public async Task<IReadOnlyList<MaubotPluginState>> ListPluginsAsync(CancellationToken cancellationToken)
    {
        const string doing = "list maubot's plugins";
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Get, "plugins", null, cancellationToken);
        return [.. _wire.Parse(doing, body, MaubotJson.Default.ListPluginAnswer).Select(answer => new MaubotPluginState(answer.Id ?? throw Unexpected(doing), answer.Version ?? ""))];
    }

    /// <summary>The clients, with their access tokens.</summary>
    public async Task<IReadOnlyList<MaubotClientState>> ListClientsAsync(CancellationToken cancellationToken)
    {
        const string doing = "list maubot's clients";
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Get, "clients", null, cancellationToken);
        return [.. _wire.Parse(doing, body, MaubotJson.Default.ListClientBody).Select(answer => ToState(answer, doing))];
    }

    /// <summary>The instances.</summary>
    public async Task<IReadOnlyList<MaubotInstanceState>> ListInstancesAsync(CancellationToken cancellationToken)
    {
        const string doing = "list maubot's instances";
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Get, "instances", null, cancellationToken);
        return [.. _wire.Parse(doing, body, MaubotJson.Default.ListInstanceBody).Select(answer => ToState(answer, doing))];
    }

    /// <summary>Uploads a plugin file. False when maubot has a plugin of its id already, whatever the version: that one stays.</summary>
    /// <exception cref="MaubotApiException">Maubot does not take it.</exception>
    /// <exception cref="PosixException">The file cannot be read.</exception>
    public async Task<bool> UploadPluginAsync(BytePath file, CancellationToken cancellationToken)
    {
        try
        {
            await _wire.SendAsync($"upload the plugin {file}", HttpMethod.Post, "plugins/upload", () => Open(file), cancellationToken, _patience.Upload);
            return true;
        }
        catch (MaubotApiException e) when (e.StatusCode == (int)HttpStatusCode.Conflict)
        {
            return false;
        }
    }

    /// <summary>
    /// Creates a client or sets an existing one. Maubot asks the homeserver whose token it is, and refuses one of another user or device. An existing client does not start or stop by
    /// its <c>enabled</c>: see <see cref="SetClientStartedAsync"/>.
    /// </summary>
    /// <returns>True when it was created, false when it was there.</returns>
    /// <exception cref="MaubotApiException">Maubot or the homeserver does not take it.</exception>
    public async Task<bool> PutClientAsync(MaubotClientSettings client, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        _wire.Hide(client.AccessToken);
        string doing = $"set the client {client.Id}";
        Func<HttpContent> content = JsonWire.Json(ToBody(client), MaubotJson.Default.ClientBody);
        try
        {
            // With the id in the path, maubot checks that the token is of this user and this device; POST client/new would make a client of whoever the token is of.
            (HttpStatusCode status, _) = await _wire.SendAsync(doing, HttpMethod.Put, PathOf("client", client.Id), content, cancellationToken);
            return status == HttpStatusCode.Created;
        }
        catch (MaubotApiException e) when (e is { StatusCode: (int)HttpStatusCode.MethodNotAllowed } or { StatusCode: (int)HttpStatusCode.NotFound, ErrorCode: not "resource_not_found" })
        {
            return await CreateClientAsync(client.Id, doing, content, cancellationToken);
        }
    }

    private async Task<bool> CreateClientAsync(string id, string doing, Func<HttpContent> content, CancellationToken cancellationToken)
    {
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Post, "client/new", content, cancellationToken);
        if (_wire.Parse(doing, body, MaubotJson.Default.ClientBody).Id is { } made && made != id)
            throw new MaubotApiException(MaubotFailure.Refused, $"Could not {doing}: its access token is one of {made}, for which maubot made a client now.",
                $"Delete the client {made} in maubot when it is not wanted, and give {id} a token of its own.")
            { Said = $"its access token is one of {made}" };
        return true;
    }

    /// <summary>Starts or stops a client that is there. Starting one that is disabled does nothing.</summary>
    /// <param name="client">As maubot has it now.</param>
    /// <param name="started">What it shall be.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    public async Task SetClientStartedAsync(MaubotClientSettings client, bool started, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        _wire.Hide(client.AccessToken);
        var body = new ClientBody { Homeserver = client.Homeserver, AccessToken = client.AccessToken.Reveal(), DeviceId = client.DeviceId, Started = started };
        await _wire.SendAsync($"{(started ? "start" : "stop")} the client {client.Id}", HttpMethod.Put, PathOf("client", client.Id), JsonWire.Json(body, MaubotJson.Default.ClientBody), cancellationToken);
    }

    /// <summary>Has a client forget its sync token and its filter: needed when the homeserver is older than what the client has seen.</summary>
    /// <exception cref="MaubotApiException">There is no such client, or maubot does not answer.</exception>
    public async Task ClearCacheAsync(string clientId, CancellationToken cancellationToken) =>
        await _wire.SendAsync($"clear the cache of the client {clientId}", HttpMethod.Post, $"{PathOf("client", clientId)}/clearcache", JsonWire.Json(new NoBody(), MaubotJson.Default.NoBody), cancellationToken);

    /// <summary>
    /// Creates an instance or sets an existing one, whose database of that id it finds again. A new one that is enabled is started at once; that it could be started is to be read back.
    /// </summary>
    /// <param name="instance">Maubot writes ids in lower case: any other makes an instance of another id.</param>
    /// <param name="started">For an existing one: whether it is started or stopped; null to leave it.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    /// <returns>True when it was created, false when it was there.</returns>
    /// <exception cref="MaubotApiException">Its plugin or client is missing, or maubot does not take it.</exception>
    public async Task<bool> PutInstanceAsync(MaubotInstanceSettings instance, bool? started, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instance);
        _wire.Hide(instance.Config);
        var body = new InstanceBody { Type = instance.Type, PrimaryUser = instance.PrimaryUser, Enabled = instance.Enabled, Config = instance.Config.Reveal(), Started = started };
        (HttpStatusCode status, _) =
            await _wire.SendAsync($"set the instance {instance.Id}", HttpMethod.Put, PathOf("instance", instance.Id), JsonWire.Json(body, MaubotJson.Default.InstanceBody), cancellationToken);
        return status == HttpStatusCode.Created;
    }

    private static string PathOf(string kind, string id) => string.Create(CultureInfo.InvariantCulture, $"{kind}/{Uri.EscapeDataString(id)}");

    private static StreamContent Open(BytePath file)
    {
        SafeFileHandle handle = PosixFile.OpenFollowing(file);
        return new StreamContent(new FileStream(handle, FileAccess.Read)) { Headers = { ContentType = new("application/zip") } };
    }

    private static ClientBody ToBody(MaubotClientSettings client) => new()
    {
        Id = client.Id,
        Homeserver = client.Homeserver,
        AccessToken = client.AccessToken.Reveal(),
        DeviceId = client.DeviceId,
        Enabled = client.Enabled,
        Sync = client.Sync,
        Autojoin = client.Autojoin,
        Online = client.Online,
        Displayname = client.Displayname,
        AvatarUrl = client.AvatarUrl,
    };

    private MaubotClientState ToState(ClientBody answer, string doing)
    {
        var token = new SecretText(answer.AccessToken ?? "");
        _wire.Hide(token);
        var settings = new MaubotClientSettings
        {
            Id = answer.Id ?? throw Unexpected(doing),
            Homeserver = answer.Homeserver ?? "",
            AccessToken = token,
            DeviceId = answer.DeviceId ?? "",
            Enabled = answer.Enabled ?? true,
            Sync = answer.Sync ?? true,
            Autojoin = answer.Autojoin ?? true,
            Online = answer.Online ?? true,
            Displayname = answer.Displayname ?? "disable",
            AvatarUrl = answer.AvatarUrl ?? "disable",
        };
        return new MaubotClientState(settings, answer.Started ?? false, answer.SyncOk, answer.Fingerprint is { Length: > 0 });
    }

    private static MaubotInstanceState ToState(InstanceBody answer, string doing)
    {
        var settings = new MaubotInstanceSettings
        {
            Id = answer.Id ?? throw Unexpected(doing),
            Type = answer.Type ?? "",
            Enabled = answer.Enabled ?? true,
            PrimaryUser = answer.PrimaryUser ?? "",
            Config = new SecretText(answer.Config ?? ""),
            DatabaseEngine = answer.DatabaseEngine,
        };
        return new MaubotInstanceState(settings, answer.Started ?? false, answer.Database ?? false);
    }

    private static MaubotApiException Unexpected(string doing) => new(MaubotFailure.Unreachable, $"Could not {doing}: the answer lacks what maubot always gives.",
        "See what listens there: it may be another program, or a version that this tool does not know.");

    /// <inheritdoc/>
    public void Dispose() => _wire.Dispose();
}
