"""What sites write around logins, in the languages of Europe: addresses of login pages, and words that mean "log in",
"log out", "please log in", "wrong password". Data and the patterns made of it; nothing else.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.late_pattern import late_pattern

# --- addresses --------------------------------------------------------------------------------------------------------

_LOGIN_SEGMENT: Final = (
    r"(?:user|auth|account|members?|customer|web|sso|saml2?|oauth2?|cas|ldap)?[-_.]?(?:log[-_]?[io]n|sign[-_]?in)"
    r"(?:[-_](?:form|page|user|required))?|log_?me_?in|anmelden|anmeldung|einloggen|se[-_]connecter|connexion|"
    r"identification|iniciar[-_]?sesion|inicio[-_]?sesion|acceder|accedi|entrar|inloggen|aanmelden|logga[-_]in"
    r"|logg[-_]inn|"
    r"log[-_]ind|zaloguj|logowanie|prihlaseni|prihlasit|bejelentkezes|giris|kirjaudu|wp-login|servicelogin"
)
LOGIN_PATH: Final = late_pattern(
    rf"/(?:{_LOGIN_SEGMENT})(?:\.(?:php|aspx?|jsp|html?|do|action|cgi|jsf|xhtml))?/?\Z"
    r"|/sessions?/new/?\Z|/openid-connect/auth\Z|/oauth2?(?:/v\d(?:\.\d)?)?/auth(?:orize)?\Z|/adfs/ls/?\Z"
    r"|/(?:sign-?in|log-?in)/(?:identifier|password|code|otp|2fa|mfa|verify|v\d/identifier|start|index(?:\.\w+)?)/?\Z"
    r"|/(?:2fa|mfa|t?otp|two[-_]?factor)(?:[-_]authentication|[-_]auth)?(?:/\w+)?/?\Z",
    re.IGNORECASE,
)  # matched against a path
LOGIN_ARGUMENT: Final = late_pattern(
    r"(?:\A|[&;])(?:action|do|page|route|r|view|mode|op|task|p|c)="
    r"(?:[\w%]+(?:/|%2F))?(?:log-?in|sign-?in|logon)(?:\Z|[&;])",
    re.IGNORECASE,
)  # matched against a query
LOGIN_ADDRESS_STEMS: Final = (
    *("log", "sign", "meld", "conne", "ident", "ses", "acce", "entrar", "prihlas", "bejel", "giris", "kirj"),
    *("auth", "adfs", "2fa", "mfa", "otp", "factor"),
)  # one of them, lower case, is in whatever the two patterns above accept
LOGOUT_ADDRESS: Final = late_pattern(
    rb"(?:\A|[/?&=])(?:user|auth|account|do|perform|site|members?|customer|wp-login\.php\?action)?[-_/.=]?"
    rb"(?:log[-_]?out|log[-_]?off|sign[-_]?out|sign[-_]?off|abmelden|ausloggen|deconnexion|se-deconnecter|"
    rb"cerrar[-_]?sesion|cerrarsesion|uitloggen|afmelden|wyloguj|logga-ut|loggut|log-ud|sair|terminar-sessao|odhlasit)"
    rb"(?:[-_](?:user|now|form|action|view|session|all))?(?:\.\w{1,5})?/?(?:\Z|[?&#=;])"
)  # matched against the address in a tag, lower case

# --- texts ------------------------------------------------------------------------------------------------------------

LOGOUT_STEM: Final = late_pattern(
    rb"g[-_ nNoO](?:(?<=[oO])|(?<=[-_ ])[oO]|(?<=[nN])[-_ ]?[oO])(?:[uU][tT]|[fF][fF])"
)  # log out, logoff, sign-out: in every language; any case but that of "g", with which every search begins
LOGOUT_STEMS: Final = {
    language: tuple((stem.partition("[")[0].encode(), late_pattern(stem.encode())) for stem in stems)
    for language, stems in {
        "cs": ("odhlásit", "odhlasit"),
        "da": ("log ud", "log-ud"),
        "de": ("abmelden", "ausloggen"),
        "es": ("cerrar ses", "cerrar[-_]?ses"),
        "fr": ("conne[xc]",),
        "nb": ("logg ut", "loggut"),
        "nl": ("uitloggen", "afmelden"),
        "no": ("logg ut", "loggut"),
        "pl": ("wyloguj",),
        "pt": ("terminar ses", "terminar sess", "/sair"),
        "sv": ("logga ut", "logga-ut"),
    }.items()
}  # lower case: what it begins with, to be asked for first, and the whole
# One of LOGOUT_STEM and LOGOUT_STEMS is in whatever LOGOUT_ADDRESS and LOGOUT_TEXT accept; one word is found quickly.
LOGOUT_TEXT: Final = late_pattern(
    r"(?:log[ -]?out|log[ -]?off|sign[ -]?out|sign[ -]?off|abmelden|ausloggen|(?:se )?d[ée]connecter|d[ée]connexion|"
    r"me d[ée]connecter|cerrar sesi[óo]n|uitloggen|afmelden|wyloguj(?: si[ęe])?|logga ut|logg ut|terminar sess[ãa]o|"
    r"odhlásit(?: se)?)(?:[\s:,(\[\u2013-]+[^\n]{0,40})?"
)  # the whole text of a link or button, lower case; a user's name may follow

LOGIN_TITLE: Final = late_pattern(
    r"(?:please )?(?:log[ -]?in|sign[ -]?in|log[ -]?on|anmelden|anmeldung|einloggen|connexion|se connecter|"
    r"identification|iniciar sesi[óo]n|inicio de sesi[óo]n|accedi|accesso|entrar|inloggen|aanmelden|logga in|logg inn|"
    r"zaloguj si[ęe]|logowanie)(?:[ !.]*\Z| (?:to|bei|à|en|a|op|do|till|til)\b.*| page\Z| required\Z)"
)  # the first part of a title, lower case
LOGIN_AT_END: Final = late_pattern(
    r"\w (?:log[ -]?in|sign[ -]?in|log[ -]?on|anmeldung|connexion|identification|inicio de sesi[óo]n|accesso"
    r"|logowanie)\Z"
)  # a heading, lower case: "Webmail Login"
SAYS_LOGGED_OUT: Final = late_pattern(
    r"\b(?=\w)(?:"  # tried at the beginnings of words only
    r"session (?:has |is |was )?(?:expired|timed[ -]?out|ended|invalid)|(?:expired|invalid) session|session time-?out"
    r"|(?:not|no longer|are not|aren.t) (?:currently )?(?:logged|signed) in\b"
    r"|you (?:have been|were|are|.ve been) (?:automatically )?(?:logged|signed) (?:out|off)"
    r"|please (?:log|sign)[ -]?(?:in|on)\b|please (?:re-?)?(?:login|authenticate)\b"
    r"|(?:log[ -]?in|sign[ -]?in|authentication|authorization) (?:is )?(?:required|needed|necessary)"
    r"|(?:must|need to|have to|required to) (?:be (?:logged|signed) ?in|(?:log|sign)[ -]?in|login|authenticate)"
    r"|sitzung (?:ist |wurde )?(?:abgelaufen|beendet|ungültig)|bitte (?:melden sie sich|melde dich) (?:erneut |neu )?an"
    r"|bitte (?:loggen sie sich|logge dich) (?:erneut )?ein|bitte (?:erneut )?(?:anmelden|einloggen)"
    r"|(?:anmeldung|login) (?:ist )?(?:erforderlich|nötig|notwendig)|nicht (?:mehr )?(?:angemeldet|eingeloggt)"
    r"|(?:sie wurden|du wurdest) (?:automatisch )?(?:abgemeldet|ausgeloggt)"
    r"|session (?:a |est )?(?:expirée?|terminée)"
    r"|(?:veuillez|merci de|vous devez) (?:vous )?(?:re)?(?:connecter|identifier)"
    r"|vous devez être connecté|connexion (?:est )?(?:requise|nécessaire|obligatoire)|n.êtes (?:pas|plus) connecté"
    r"|sesión (?:ha )?(?:caducad[oa]|expirad[oa]|terminado)"
    r"|(?:debes?|tienes que|por favor,?) (?:iniciar?|inicie) sesión"
    r"|no has iniciado sesión|sessione (?:è )?scaduta"
    r"|(?:devi|occorre|bisogna) (?:effettuare|fare) (?:l.accesso|il login)"
    r"|sessie (?:is )?verlopen|(?:u moet|je moet) (?:eerst )?(?:inloggen|ingelogd)"
    r"|niet (?:meer )?ingelogd|sessão (?:expirou|expirada|terminou)"
    r"|(?:faça|efetue|é necessário fazer) (?:o )?login"
    r"|sesja wygasła|musisz (?:się zalogować|być zalogowany)|nie jesteś zalogowan|sessionen har gått ut"
    r"|du måste logga in"
    r")"
)  # lower case
LOGIN_STEMS: Final = (b"log", b"sign", b"ses", b"auth", b"sitzung", b"meld", b"conne", b"ident", b"acce")
# one of them, lower case, is in every phrase above and in nearly every address of a login page
ASKS_TO_LOG_IN: Final = late_pattern(
    r"(?:log|sign) ?in (?:again )?to (?:continue|proceed|view|see|access|your account)|log in om "
    r"|effettua l.accesso per"
)  # lower case; the reason for a page only in its title or heading: open pages ask it beside a hidden price
HEADING_STEMS: Final = (*(stem.decode() for stem in LOGIN_STEMS), "entrar")
# one of them, lower case, is in whatever SAYS_LOGGED_OUT, ASKS_TO_LOG_IN and LOGIN_TITLE accept
SAYS_NO_ENTRY: Final = late_pattern(
    r"permission denied|access denied|not authori[sz]ed|unauthori[sz]ed|zugriff verweigert|keine berechtigung"
    r"|accès (?:refusé|interdit)|acceso denegado|accesso negato|toegang geweigerd|acesso negado|brak dostępu"
)  # lower case; says something only together with a way to the login page

CHANGES_SOMETHING: Final = late_pattern(
    r"\b(?:save|update|change|confirm|delete|remove|speichern|ändern|übernehmen|bestätigen|löschen|enregistrer|modifier"
    r"|confirmer|supprimer|guardar|cambiar|actualizar|confirmar|eliminar|borrar|salva|modifica|conferma|elimina|opslaan"
    r"|wijzigen|bevestigen|verwijderen|salvar|alterar|excluir|zapisz|zmień|potwierdź|usuń|spara|ändra|bekräfta|ta bort"
    r"|gem|bekræft|slet|lagre|endre|bekreft|slett)\b"
)  # on the button of a form, lower case: it asks for the password of somebody who is logged in

# --- answers to a login -----------------------------------------------------------------------------------------------

WRONG: Final = late_pattern(
    r"incorrect|invalid|wrong|not (?:correct|valid|match|recogni[sz]ed|found|accepted)"
    r"|(?:did|do|does)n.t (?:match|exist)"
    r"|(?:did|do|does) not (?:match|exist)|unrecogni[sz]ed|unknown|enter a correct|no match|mismatch|\bbad\b|failed"
    r"|failure"
    r"|rejected|refused|falsch|ungültig|inkorrekt|nicht (?:korrekt|richtig|gültig|gefunden|überein)|unbekannt"
    r"|fehlgeschlagen|stimm(?:t|en)\b.{0,40}\bnicht|fehlerhaft|incorrecte?s?\b|invalides?\b|erroné|mauvais|échou"
    r"|inconnu"
    r"|incorrect[oa]s?\b|inválid|erróne|no (?:es|son) (?:válid|correct)|no coincide|errat[oiae]\b"
    r"|non (?:valid|corrett|è valid)"
    r"|sbagliat|onjuist|ongeldig|verkeerd|niet (?:correct|juist|geldig)|incorret|errad[oa]s?\b|não confere|nieprawidłow"
    r"|błędn|niepoprawn|felaktig|fel (?:användar|lösen)|forkert|feil |ugyldig"
)  # lower case
ABOUT_CREDENTIALS: Final = late_pattern(
    r"pass ?word|passwd|passphrase|credential|user ?name|user ?id|\buser\b|e-?mail|\blog ?in\b|log-in|sign[ -]?in"
    r"|authenticat"
    r"|passwort|kennwort|benutzername|anmeldedaten|zugangsdaten|anmeldung|mot de passe|identifiant|connexion"
    r"|utilisateur"
    r"|contraseña|usuario|credencial|\bclave\b|utente|credenziali|accesso|wachtwoord|gebruikersnaam|inlog"
    r"|senha|palavra-passe|utilizador|usuário|credenciais|hasł|użytkownik|lösenord|användarnamn|adgangskode|brugernavn"
    r"|passord|brukernavn"
)  # lower case
ABOUT_SOMETHING_ELSE: Final = late_pattern(
    r"csrf|xsrf|token|captcha|robot|\bcode\b|cookie|javascript|browser|sicherheitscode|session|sitzung|forgot"
    r"|vergessen|oublié"
    r"|attempts? (?:are|is|will be) (?:logged|recorded|monitored)"
)  # lower case: then it was not the password that was refused
LOCKED: Final = late_pattern(
    r"(?:account|user|profile|konto|zugang|benutzer|compte|cuenta|account|conta)\b[^.!\n]{0,60}"
    r"\b(?:locked|blocked|suspended|disabled|deactivated|gesperrt|blockiert|deaktiviert|bloqué|verrouillé|désactivé|"
    r"bloquead[oa]|bloccato|geblokkeerd|zablokowan[ey])"
    r"|too many (?:failed |incorrect |invalid |wrong |unsuccessful )?(?:log[ -]?in |sign[ -]?in |password )?"
    r"(?:attempts|tries)"
    r"|zu viele (?:fehlgeschlagene |falsche )?(?:anmelde|login-?|fehl)?versuche|trop de tentatives|demasiados intentos"
    r"|troppi tentativi|te veel pogingen|muitas tentativas|zbyt wiele prób"
)  # lower case
REFUSAL_CODES: Final = late_pattern(
    r"\b(?:invalid|bad|wrong|incorrect)[_ -]?(?:grant|credentials?|password|login|user(?:name)?)\b"
    r"|\bauthentication[_ -]?(?:failed|error)\b|\blogin[_ -]?failed\b",
    re.IGNORECASE,
)  # in answers that are no web pages

ONE_TIME_NAME: Final = late_pattern(
    r"(?:\A|[^a-z])(?:t?otp|mfa|2fa|tfa|two_?factor|one_?time|otc)|(?:otp|totp|mfa|2fa|tfa)(?:\Z|[^a-z])"
    r"|(?:verification|verify|auth|authenticator|security|sms|login|confirm(?:ation)?|pass)[-_ ]?(?:code|pin)|one-?time"
    r"|\A(?:passcode|code)\Z",
    re.IGNORECASE,
)  # name or id of an input
ONE_TIME_TEXT: Final = late_pattern(
    r"two[ -]?(?:factor|step)|2[ -]?(?:factor|step|fa)\b|multi-?factor|verification code|security code"
    r"|one-?time (?:code|pass)"
    r"|authenticat(?:or|ion) (?:app|code)|zwei-?faktor|bestätigungscode|sicherheitscode|einmal-?(?:code|pass|kenn)"
    r"|code de (?:vérification|sécurité)|double authentification|código de (?:verificación|seguridad|verificação)"
    r"|codice di (?:verifica|sicurezza)|verificatiecode|kod weryfikacyjny|engångskod"
)  # lower case
CAPTCHAS: Final = (b"g-recaptcha", b"h-captcha", b"cf-turnstile", b"recaptcha/api", b"hcaptcha.com/1", b"captcha")
