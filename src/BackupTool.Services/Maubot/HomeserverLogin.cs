namespace BackupTool.Services.Maubot;

/// <summary>A device that a homeserver made for a login.</summary>
/// <param name="AccessToken">Its token.</param>
/// <param name="DeviceId">Its id.</param>
public sealed record FreshDevice(SecretText AccessToken, string DeviceId);

/// <summary>Logs an account in at its homeserver by its password (Matrix client-server API v3, <c>m.login.password</c>).</summary>
/// <param name="homeserver">The homeserver's URL, as maubot uses it.</param>
/// <param name="time">The clock.</param>
/// <param name="patience">Null for the usual.</param>
public sealed class HomeserverLogin(Uri homeserver, TimeProvider time, MaubotPatience? patience = null) : IDisposable
{
    private readonly JsonWire _wire = new("the homeserver", new Uri($"{homeserver.AbsoluteUri.TrimEnd('/')}/_matrix/client/v3/"), patience ?? new MaubotPatience(), time);

    /// <summary>Logs in as a new device. The account's other devices and their tokens stay.</summary>
    /// <param name="userId">The account.</param>
    /// <param name="password">Its password.</param>
    /// <param name="deviceName">How the device is shown in the account's list.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    /// <exception cref="MaubotApiException">The homeserver does not take the password, or does not answer.</exception>
    public async Task<FreshDevice> LogInAsync(string userId, SecretText password, string deviceName, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(password);
        _wire.Hide(password);
        _wire.Token = null;
        string doing = $"log in anew as {userId}";
        var request = new MatrixLoginRequest("m.login.password", new MatrixIdentifier("m.id.user", userId), password.Reveal(), deviceName);
        (_, byte[] body) = await _wire.SendAsync(doing, HttpMethod.Post, "login", JsonWire.Json(request, MaubotJson.Default.MatrixLoginRequest), cancellationToken);
        MatrixLoginAnswer answer = _wire.Parse(doing, body, MaubotJson.Default.MatrixLoginAnswer);
        if (answer is not { AccessToken: { Length: > 0 } token, DeviceId: { Length: > 0 } device } || (answer.UserId ?? userId) != userId)
            throw new MaubotApiException(MaubotFailure.Refused, $"Could not {doing}: the homeserver's answer names no token and device of that account.", "See whether the homeserver's URL is right.");
        return new FreshDevice(new SecretText(token), device);
    }

    /// <summary>Ends a login: its token and its device are gone.</summary>
    /// <exception cref="MaubotApiException">The homeserver does not answer, or does not know the token.</exception>
    public async Task LogOutAsync(FreshDevice device, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        _wire.Hide(device.AccessToken);
        _wire.Token = device.AccessToken;
        await _wire.SendAsync($"log the device {device.DeviceId} out", HttpMethod.Post, "logout", JsonWire.Json(new NoBody(), MaubotJson.Default.NoBody), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _wire.Dispose();
}
