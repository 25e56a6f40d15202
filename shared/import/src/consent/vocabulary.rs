//! Words in consent cells, in some thirty languages.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Channels;

pub(super) type Words = LazyLock<HashSet<&'static str>>;

fn words(list: &'static str) -> HashSet<&'static str> {
    list.split(' ').collect()
}

pub(super) static YES: Words = Words::new(|| {
    words(
        "1 true t yes y x on ✓ ✔ ☑ ✅ ja j oui o si sí sì s sim tak да wahr vrai verdadero vero 是 はい active enabled \
    checked set permanent j evet kyllä ano v igen da ναι 예 네 نعم כן так ใช่ ใช có ya áno taip jā jah já 👍 ✔️ ✅️ ☑️",
    )
});
pub(super) static NO: Words = Words::new(|| {
    words(
        "0 false f no n off nein non nee nie нет não nao falsch faux falso 否 いいえ inactive disabled unchecked notset \
    hayır ei ne nej nei ☐ ✗ ✘ ❌ nem όχι οχι 아니오 아니요 لا לא nu ні ไม่ ไม không tidak nē не ✖ ✖️ ✕ 👎 🚫 ⛔ ☐️",
    )
});
/// Yes and no in languages for which we know few column names.
pub(super) static FOREIGN: Words = Words::new(|| {
    words(
        "igen nem ναι όχι οχι 예 네 아니오 아니요 نعم لا כן לא kyllä nu так ні ใช่ ไม่ có không ya tidak evet hayır áno taip jā jah はい \
        いいえ 是 否 nei já ei ne da не да nē jo ret yok var 不可 可 ○ × あり なし بله خیر بلی نه हाँ हां नहीं হ্যাঁ না ہاں نہیں კი დიახ არა \
        այո ոչ po jo bai ez nav yra ndiyo hapana oo hindi bəli xeyr ha yo'q иә жоқ тийм үгүй ஆம் இல்லை",
    )
});
/// Opt-in words, reduced to their letters.
pub(super) static IN: Words = Words::new(|| {
    words(
        "subscribed var onay onaylı verildi marketable engagedmarketable unengagedmarketable optedin optin send doubleoptin singleoptin confirmedoptin erteilt liegtvor vorhanden eingewilligt zugestimmt einverstanden explicit inscrito inscrita inscrite marketingkontakt consented confirmed granted given \
    accepted agreed allow allowed permitted abonniert angemeldet abonné inscrit suscrito iscritto ingeschreven \
    aangemeld подписан express expressed implied 동의 동의함 수신동의 موافق setuju đồngý ยินยอม згоден згодна 希望する 希望 可 受け取る 許可 同意する 同意 配信中 optedinemail active ok okay maycontact marketingcontact yesplease",
    )
});
/// Opt-out words, reduced to their letters.
pub(super) static OUT: Words = Words::new(|| {
    words(
        "unsubscribed unsubscribe unsub unsubbed optedout optout optedoutofemail donotcontact donotcall donotemail \
    donotmail donottext donotsms donotdisturb donotallow dontcontact dontcall dontemail notallowed dnc dnd stop \
    stopped stopall suppressed globallysuppressed complained complaint spamcomplaint spam reportedasspam markedasspam \
    reportedspam cleaned blacklisted blocklisted nocontact nocalls noemail noemails nosms nomarketing \
    notoptedin notopted notconsented blocked nomail nophone notext nopermissionsset nopermission unmarketable notmarketable nonmarketable unset notset donotsolicit donotpursue \
    neversubscribed notsubscribed nonsubscribed optedoutofsms withdrawn revoked declined refused denied removeme \
    removefromlist abgemeldet abbestellt ausgetragen gesperrt nichtkontaktieren nichtanrufen keinewerbung \
    keinkontakt désabonné desabonne désinscrit desinscrit nepascontacter baja debaja dadodebaja dadadebaja \
    nocontactar nollamar disiscritto disiscritta cancellato noncontattare uitgeschreven afgemeld nietbellen \
    wypisany wypisana отписан отписался отписана отписалась незвонить descadastrado naocontatar avregistrerad \
    avmeldt frameldt bounced hardbounced hardbounce bounce undeliverable noconsent nonmarketingcontact \
    nonmarketing transactional removed deceased nothanks nothankyou widerrufen zurückgezogen abgelehnt refusé \
    refusée rechazado rifiutato geweigerd noemailing nichtabonniert nichtangemeldet nosuscrito nosuscrita \
    nonabonné nonabonne nonabonnée noninscrit noninscrite noniscritto noniscritta noinscrito nãoinscrito naoinscrito \
    nietingeschreven nietaangemeld niezapisany niesubskrybuje nichtmarketingkontakt keinmarketingkontakt \
    odhlášen odhlášena odhlásený odhlásená leiratkozott leiratkozva dezabonat dezabonată 退订 已退订 退訂 已退訂 取消订阅 取消訂閱 配信停止 afmeldt \
    afmeld afmelding avslutad utmeldt отписался отписалась відписаний відписався відписалася odjavljen odjavljena atsisakė atrakstījies \
    abonelikteniptal iptaledildi peruutettu peruttu afskráður 수신거부 구독취소 suppression suppressionlist suppressionfile dnclist donotuse \
    nopromo nopromos nopromotions remove cancelósuscripción canceladosuscripción desuscrito desuscrita désabonnée désinscrite \
    optouts unsubscribes unsubscriber askednottobecontacted",
    )
});
/// Words for a consent that was not given or is void. Elsewhere they mean other things.
pub(super) static NONE_GIVEN: Words = Words::new(|| {
    words(
        "expired lapsed never niemals nooit jamais nunca mai nigdy nikdy soha aldrig ret yok reddedildi reddetti izinsiz onaysız tidaksetuju \
    notanymore paused brak brakzgody notgranted notgiven notagreed negato negata negado retirado retirada revocato \
    revocata revogado revoqué retiré retirée ritirato ingetrokken wycofana wycofano wycofał 미동의 거부 동의안함 동의하지않음 비동의 liegtnichtvor nichterteilt nichtvorhanden fehlt keine nichteinverstanden 不同意 拒绝 拒絕 \
    donotsend donotagree notallow junk 希望しない 不可 不要 拒否 停止 \
    配信停止 同意しない",
    )
});
/// Lower-case phrases that make a longer text an opt-out.
#[expect(clippy::expect_used, reason = "some dozens of short phrases")]
pub(super) static PHRASES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let phrases = "unsubscrib|opted out|opt out|optout|do not call|do not contact|do not email|\
    do not e mail|do not text|do not sms|do not disturb|don't call|don't contact|\
    don't email|don’t call|don’t contact|don’t email|dont call|dont contact|dont email|never call|\
    never contact|never email|no longer wants|wants no more|remove from list|remove from mailing|\
    stop contacting|stop emailing|stop calling|no marketing|bitte nicht anrufen|nicht anrufen|\
    nicht kontaktieren|keine werbung|abgemeldet|ne pas appeler|ne pas contacter|désabonn|désinscri|\
    do not market|do not mail|don't text|don’t text|dont text|not be contacted|no emails|no calls|no texts|\
    suppressed|gdpr delete|gdpr deletion|right to be forgotten|removed from list|removed from mailing|removed from our|be removed from|take me off|\
    no further contact|no more emails|no more calls|no further emails|keine anrufe|keine mails|keine e mails|plus contacter|\
    do not send|taken off|off the list|off our list|off the mailing|own request|does not want|doesn't want|doesn’t want|don't want|\
    wants no|no consent|without consent|consent withdrawn|withdrew consent|revoked|erasure request|gdpr erasure|data erasure|\
    objected to|cease and desist|cease contact|stop mailing|stop texting|stop sending|stop marketing|remove me|delete my data|widerruf|newsletter off|email off|emails off|sms off|marketing off|subscribed = no|subscribed=no|subscribed: no|subscribed = false|subscribed=false|subscribed: false|\
    opted in = no|opted in: no|opt in: no|opt in = no|consent: no|consent = no|\
    consent declined|consent denied|consent refused|consent pending|consent waiting|consent not |consent missing|awaiting consent|\
    declined consent|refused consent|do not solicit|do not pursue|asked to stop|stop contact|blacklist|blocklist|dont ring|don't ring|\
    do not ring|do not phone|don't phone|dont phone|don’t phone|hates calls|hates being called|no contact please|please no contact|\
    do not message|do not bother|do not approach|do not market|no solicit|not to be contacted|not to be called|not to be emailed|no mail|no sms|not to call|not to email|not to contact|not to text|\
    off list|stop messag|leave me alone|widersprochen|nicht mehr kontakt|nicht mehr anschreib|nicht mehr anruf|kein kontakt|\
    datenlöschung|no volver a llamar|no volver a contactar|no molestar|ne plus appeler|ne plus écrire|removed at|wünscht keine|möchte keine|keinen kontakt|ne souhaite pas|no desea|non desidera|wil geen|nie życzy|nincs hozzájárul|\
    no llamar|no contactar|non chiamare|non contattare|niet bellen|não ligar|не звонить|отписал|\
    not subscribed|asked to be removed|wants to be removed|wishes to be removed|requested to be removed|asked for removal|refused contact|refuses contact|rejected contact|contact refused|removal request|dnc list|dnd list|suppression list|suppression file|no promo|do not promot|\
    afmeld|odhlášen|odhlásen|退订|退訂|配信停止|配信不要|連絡不可|leiratkoz|dezabon|cancelado suscripci|canceló suscripci|cancelar suscripci|\
    cancelar la suscripci|ne veut plus|ne souhaite plus|ne pas rappeler|ne rappelez pas|plus rappeler|plus être contact|no le llamen|no me llamen|\
    no llamen|no llame|no quiere|no volver a|solicita baja|solicita la baja|pide baja|pide la baja|dar de baja|darse de baja|dado de baja|\
    dada de baja|non vuole|non richiamare|non telefonare|non inviare|nie dzwoni|nie kontaktowa|nie wysyła|nie chce|rezygnuje|\
    keine mail|kein interesse an werbung|will keine|möchte nicht|niet meer bellen|niet meer mailen|niet meer contact|niet meer benader|geen contact|geen mail|não quer|não deseja|não contat|\
    nezasílat|nezasielat|nevolat|nekontaktovat|nepřeje si|tackat nej|vill inte|ønsker ikke|ikke kontakt|ikke ring|ei saa soittaa|ei halua|\
    не беспокоит|не писать|не хочет|no desitja|stop pub|stop sms"
        .split('|');
    AhoCorasick::builder().ascii_case_insensitive(true).build(phrases).expect("phrases")
});
/// Length in bytes of the shortest phrases, such as `optout`.
pub(super) const SHORTEST_PHRASE: usize = 6;
pub(super) const CHANNELS: &[(Channels, &[&str])] = &[
    (
        Channels::ALL,
        &["all", "everything", "any", "allchannels", "alle", "tous", "todos", "tutti", "tout", "alles", "все"],
    ),
    (Channels::EMAIL, &["email", "emails", "mail", "mails", "newsletter", "newsletters", "courriel", "correo"]),
    (Channels::SMS, &["sms", "text", "texts", "textmessage", "textmessages", "texting", "txt", "mms"]),
    (
        Channels::CALL,
        &[
            "call",
            "calls",
            "phone",
            "phonecall",
            "phonecalls",
            "voice",
            "voicemail",
            "voicemails",
            "telephone",
            "telefon",
            "calling",
        ],
    ),
    (Channels::WHATSAPP, &["whatsapp", "wa"]),
    (Channels::GMB, &["gmb", "gbp", "googlebusiness", "googlemybusiness", "googlebusinessprofile"]),
    (Channels::FB, &["fb", "facebook", "messenger", "facebookmessenger", "instagram", "ig"]),
];
